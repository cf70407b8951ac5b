import { setTimeout as sleep } from "node:timers/promises";
import { connectivityState, experimental, Metadata, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { registerEtcdResolver } from "../../../../src/integrations/grpc/index.ts";
import { consistentHash, Discovery, DiscoveryError } from "../../../../src/index.ts";
import { memoryStore } from "../../../../src/testing/index.ts";
import { eventually } from "../../../support/eventually.ts";
import { failureOf, tallyOf, whoClient } from "../../../support/grpc-service.ts";
import { faultyStore } from "../../find/faulty-store.ts";
import { grpcStage } from "./grpc-stage.ts";

const roundRobin = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });
const pickFirst = JSON.stringify({ loadBalancingConfig: [{ pick_first: {} }] });

/** Ways to balance: ours, and those that a channel may ask for. */
const balancings = [
  ["ours", {}],
  ["round_robin", { "grpc.service_config": roundRobin }],
  ["pick_first", { "grpc.service_config": pickFirst }],
] as const;

test.each(balancings.slice(0, 2))("%s: calls are spread over the hosts", async (_name, options) => {
  const stage = grpcStage();
  await stage.serve("one", "two");
  using client = whoClient("etcd:///api", options);
  await eventually(async () => expect(await tallyOf(client, 10)).toEqual({ one: 5, two: 5 }));
});

test.each(balancings.slice(0, 2))(
  "%s: a host has the share of its weight, by one connection",
  async (_name, options) => {
    const stage = grpcStage();
    const heavy = await stage.serveOne("heavy", { weight: 1.5 });
    const light = await stage.serveOne("light", { weight: 0.5 });
    using client = whoClient("etcd:///api", options);
    await eventually(async () => expect(await tallyOf(client, 4)).toEqual({ heavy: 3, light: 1 }));
    const { heavy: heavyCalls = 0 } = await tallyOf(client, 400);
    // Turns begin anew when a host is told anew, as after a stall of this process that has cost it its lease.
    expect(Math.abs(heavyCalls - 300)).toBeLessThanOrEqual(4);
    expect([heavy.peers.size, light.peers.size]).toEqual([1, 1]);
  },
);

test("weights that are far apart do not make a list without end", async () => {
  const stage = grpcStage();
  await stage.serveOne("heavy", { weight: 1_000_000 });
  await stage.serveOne("light", { weight: 0.001 });
  const { updates, resolver } = follow({ "grpc.service_config": roundRobin });
  resolver.updateResolution();
  await eventually(() => updates.length > 0);
  const { length } = updates[0]?.endpoints ?? [];
  expect(length).toBeGreaterThan(20);
  expect(length).toBeLessThan(50);
  resolver.destroy();
});

test.each(balancings)("%s: hosts are followed as they come and go", async (_name, options) => {
  const stage = grpcStage();
  const [one] = await stage.serve("one");
  using client = whoClient("etcd:///api", options);
  expect(await client.who()).toBe("one");
  await stage.serve("two");
  await one?.registration.unregister();
  await eventually(async () => expect(await client.who()).toBe("two"));
  expect(await tallyOf(client, 10)).toEqual({ two: 10 });
});

test.each(balancings)(
  "%s: without a host calls fail at once and say why, and go on when there is one",
  async (_name, options) => {
    const stage = grpcStage();
    using client = whoClient("etcd:///api", options);
    const error = await failureOf(client.who());
    expect(error).toMatchObject({ code: status.UNAVAILABLE });
    expect(error.details).toContain('etcd:///api: no host of live pool "api" lives');
    const [one] = await stage.serve("one");
    await eventually(async () => expect(await client.who()).toBe("one"));
    await one?.registration.unregister();
    // gRPC's pick_first stays with whom it has, whatever it is told, until the connection ends.
    one?.server.forceShutdown();
    await eventually(async () => {
      expect((await failureOf(client.who())).details).toContain("no host");
    });
    await stage.serve("two");
    await eventually(async () => expect(await client.who()).toBe("two"));
  },
);

test("a draining host gets no calls while others live, and some when none does", async () => {
  const stage = grpcStage();
  const [one, two] = await stage.serve("one", "two");
  using client = whoClient("etcd:///api");
  await one?.registration.update({ draining: true });
  await eventually(async () => expect(await tallyOf(client, 10)).toEqual({ two: 10 }));
  await two?.registration.unregister();
  await eventually(async () => expect(await client.who()).toBe("one"));
});

test("a stream of a host that leaves goes on to its end", async () => {
  const stage = grpcStage();
  const [one] = await stage.serve("one");
  using client = whoClient("etcd:///api");
  const told: string[] = [];
  const ended = new Promise((resolve, reject) => {
    const stream = client.ticks();
    stream.on("data", (tick: string) => told.push(tick));
    stream.on("error", reject);
    stream.on("end", resolve);
  });
  await eventually(() => told.length === 1);
  await stage.serve("two");
  await one?.registration.unregister();
  await eventually(async () => expect(await tallyOf(client, 4)).toEqual({ two: 4 }));
  one?.endStreams();
  await ended;
  expect(told).toEqual(["one"]);
});

/** A resolver as gRPC makes one, and all it tells. */
function follow(options: object = {}): {
  readonly resolver: experimental.Resolver;
  readonly updates: { endpoints: unknown[] | undefined; error: string | undefined }[];
} {
  const updates: { endpoints: unknown[] | undefined; error: string | undefined }[] = [];
  const resolver = experimental.createResolver(
    { scheme: "etcd", authority: "", path: "api" },
    (endpoints) => {
      updates.push({
        endpoints: endpoints.ok ? endpoints.value : undefined,
        error: endpoints.ok ? undefined : endpoints.error.details,
      });
      return true;
    },
    options,
  );
  return { resolver, updates };
}

test("a channel is told each thing once however often it asks, never while it asks, and again when it comes back", async () => {
  const stage = grpcStage();
  await stage.serve("one");
  const { resolver, updates } = follow();
  const ask = (): void => {
    for (let count = 0; count < 1_000; count += 1) resolver.updateResolution();
  };
  ask();
  expect(updates).toHaveLength(0);
  await eventually(() => updates.length > 0);
  ask();
  await stage.serve("two");
  await eventually(() => updates.at(-1)?.endpoints?.length === 2);
  // The one that the events tell, and the one that the wait for the first does.
  expect(updates.length).toBeLessThanOrEqual(3);
  resolver.destroy();
  const told = updates.length;
  await stage.serve("three");
  expect(updates).toHaveLength(told);
  ask();
  expect(updates).toHaveLength(told);
  await eventually(() => updates.at(-1)?.endpoints?.length === 3);
  resolver.destroy();
});

test("a channel that was idle follows anew", async () => {
  const stage = grpcStage();
  const [one] = await stage.serve("one");
  using client = whoClient("etcd:///api", { "grpc.client_idle_timeout_ms": 1_000 });
  expect(await client.who()).toBe("one");
  const channel = client.client.getChannel();
  await eventually(() => channel.getConnectivityState(false) === connectivityState.IDLE, 5_000, 20);
  expect(stage.discovery.health().services).toEqual([]);
  await stage.serve("two");
  await one?.registration.unregister();
  expect(await tallyOf(client, 4)).toEqual({ two: 4 });
});

test("targets name shard, port and face; options are what holds without", async () => {
  const stage = grpcStage();
  await stage.serveOne("a", { shard: "a" });
  await stage.serveOne("b", { shard: "b" });
  const admin = await stage.serveOne("admin", { portName: "admin", shard: "c" });
  const hidden = await stage.serveOne("hidden", {
    ...{ shard: "d", public: true, hostname: "public.invalid" },
    privateHostname: "localhost",
  });
  const undo = registerEtcdResolver(stage.discovery, {
    ...{ scheme: "inside", port: "admin", private: true, shard: "c" },
  });
  const answers = async (target: string): Promise<string> => {
    using client = whoClient(target);
    return await client.who();
  };
  expect(await answers("etcd:///api?shard=a")).toBe("a");
  expect(await answers("etcd:api?shard=b")).toBe("b");
  expect(await answers("etcd:///api?shard=c&port=admin")).toBe("admin");
  expect(await answers("etcd:///api?shard=d&private=true")).toBe("hidden");
  expect(await answers("inside:///api")).toBe("admin");
  expect(await answers("inside:///api?shard=d&port=grpc")).toBe("hidden");
  expect((await failureOf(answers("etcd:///api?shard=c"))).details).toContain('has no port "grpc"');
  expect((await failureOf(answers("etcd:///api?shard=x"))).details).toContain('none on shard "x"');
  expect([admin.calls, hidden.calls]).toEqual([2, 2]);
  undo();
});

test.each([
  ["etcd://eu/api", /leave out "eu" and write three slashes/],
  ["etcd:///api/Who", /is not one: use 1 to 255 bytes without "\/"/],
  ["etcd:///api?prot=x", /"prot" is not known; there are port, private, shard/],
  ["etcd:///api?private=yes", /private must be true or false/],
  ["etcd:///%", /encodes nothing/],
])("the target %s is refused at once", (target, message) => {
  grpcStage();
  expect(() => whoClient(target)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  expect(() => whoClient(target)).toThrow(message);
});

test.each([
  [{ scheme: "dns" }, /^scheme: /],
  [{ scheme: "Etcd" }, /^scheme: /],
  [{ port: "" }, /^port: /],
  [{ private: "yes" }, /^private: /],
  [{ credentials: 1 }, /^credentials: /],
  [{ key: "x" }, /^key: /],
  [{ waitMs: -1 }, /^waitMs: /],
  [{ snapshotFolder: "" }, /^snapshotFolder: /],
  [{ subsets: 3 }, /^subsets: is not known; did you mean subset/],
  [{ subset: 0 }, /^subset: /],
  [{ strategy: "random" }, /^strategy: /],
  [{ ejection: { failures: 0 } }, /^ejection.failures: /],
])("the options %o are refused at once", (options, message) => {
  const register = () => registerEtcdResolver(undefined, options as never);
  expect(register).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  expect(register).toThrow(message);
});

test("a scheme is registered once, and can be taken back", async () => {
  const stage = grpcStage();
  await stage.serve("one");
  expect(() => registerEtcdResolver(stage.discovery)).toThrow(/"etcd" is registered already/);
  for (const none of [{}, null, 1] as never[]) {
    expect(() => registerEtcdResolver(none)).toThrow(/^discovery: /);
  }
  using client = whoClient("etcd:///api");
  expect(await client.who()).toBe("one");
  stage.undo();
  stage.undo();
  expect(() => whoClient("etcd:///api")).toThrow("the resolver of etcd: targets was taken back");
  expect((await failureOf(client.who())).details).toContain("the resolver was taken back");
  expect(stage.discovery.health().services).toEqual([]);
  registerEtcdResolver(stage.discovery)();
});

test("when the discovery is closed nothing is followed, calls fail at once, and streams go on", async () => {
  const stage = grpcStage();
  const [one] = await stage.serve("one");
  using client = whoClient("etcd:///api");
  const ended = new Promise((resolve, reject) => {
    const stream = client.ticks();
    stream.on("data", () => void stage.discovery.close());
    stream.on("error", reject);
    stream.on("end", resolve);
  });
  await eventually(async () => {
    expect((await failureOf(client.who())).details).toContain("the Discovery was closed");
  });
  using late = whoClient("etcd:///api");
  const error = await failureOf(late.who());
  expect(error).toMatchObject({ code: status.UNAVAILABLE });
  expect(error.details).toContain("closed");
  one?.endStreams();
  await ended;
});

test("calls wait for etcd for a while, fail then, and go on when it answers", async () => {
  const stage = grpcStage({ waitMs: 100 });
  await stage.serve("one");
  stage.store.outage(true);
  using client = whoClient("etcd:///api");
  const error = await failureOf(client.who());
  expect(error).toMatchObject({ code: status.UNAVAILABLE });
  expect(error.details).toContain('etcd has not told the hosts of "api" within 100 ms');
  stage.store.outage(false);
  await eventually(async () => expect(await client.who()).toBe("one"), 10_000);
});

test("while etcd is away calls go on, for as long as is wanted", async () => {
  const stage = grpcStage();
  await stage.serve("one");
  const undo = registerEtcdResolver(stage.discovery, { scheme: "strict", maxStaleMs: 0 });
  using client = whoClient("etcd:///api");
  using strict = whoClient("strict:///api");
  expect([await client.who(), await strict.who()]).toEqual(["one", "one"]);
  stage.store.outage(true);
  await eventually(async () => {
    expect((await failureOf(strict.who())).details).toMatch(/ms old, and maxStaleMs is 0/);
  });
  expect(await client.who()).toBe("one");
  const waiting = strict.who({ metadata: new Metadata({ waitForReady: true }) });
  expect(await Promise.race([waiting, sleep(100, "waits")])).toBe("waits");
  stage.store.outage(false);
  expect(await waiting).toBe("one");
  undo();
});

test("when etcd refuses calls fail at once, and say why", async () => {
  const faulty = faultyStore(memoryStore());
  faulty.answer = () => {
    throw new DiscoveryError("PERMISSION_DENIED", "the user may not read /services/api/");
  };
  await using discovery = new Discovery({ store: faulty.store });
  const undo = registerEtcdResolver(discovery);
  using client = whoClient("etcd:///api");
  const error = await failureOf(client.who());
  expect(error).toMatchObject({ code: status.UNAVAILABLE });
  expect(error.details).toBe("etcd:///api: the user may not read /services/api/");
  undo();
});

test("with a subset there are connections to some hosts only, and others take their place", async () => {
  const stage = grpcStage({ subset: { size: 2, seed: "test" } });
  const hosts = await stage.serve("one", "two", "three", "four", "five");
  using client = whoClient("etcd:///api");
  const chosen = await eventually(async () => {
    const tally = await tallyOf(client, 20);
    expect(Object.values(tally)).toEqual([10, 10]);
    return Object.keys(tally);
  });
  expect(hosts.filter(({ peers }) => peers.size > 0)).toHaveLength(2);
  const first = hosts.find(({ name }) => name === chosen[0]);
  await first?.registration.unregister();
  await eventually(async () => {
    const tally = await tallyOf(client, 20);
    expect(Object.values(tally)).toEqual([10, 10]);
    expect(tally).not.toHaveProperty(first?.name ?? "");
  });
});

test("when nobody of a subset can be reached, others take their place though etcd still has them", async () => {
  const stage = grpcStage({ subset: { size: 1, seed: "test" } });
  const hosts = await stage.serve("one", "two", "three");
  using client = whoClient("etcd:///api");
  const first = await client.who();
  hosts.find(({ name }) => name === first)?.server.forceShutdown();
  await eventually(async () => expect(await client.who()).not.toBe(first));
});

test("a strategy that minds keys gets them from the metadata", async () => {
  const stage = grpcStage({
    strategy: consistentHash(),
    key: (metadata) => metadata.get("user")[0]?.toString(),
  });
  await stage.serve("one", "two", "three");
  using client = whoClient("etcd:///api");
  await eventually(async () => expect(Object.keys(await tallyOf(client, 30))).toHaveLength(3));
  for (const user of ["ann", "bob", "cid"]) {
    const metadata = new Metadata();
    metadata.set("user", user);
    const answers = new Set<string>();
    for (let count = 0; count < 10; count += 1) answers.add(await client.who({ metadata }));
    expect(answers.size).toBe(1);
  }
});
