import * as grpc from "@grpc/grpc-js";
import { credentials, Metadata, ServerCredentials, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { makeCertificates } from "../../../support/certificates.ts";
import { eventually } from "../../../support/eventually.ts";
import { failureOf, tallyOf, whoClient } from "../../../support/grpc-service.ts";
import { grpcStage, type Host } from "./grpc-stage.ts";

const who = (name: string, hosts: readonly Host[]): Host => {
  const host = hosts.find((each) => each.name === name);
  if (host === undefined) throw new Error(`there is no host ${name}`);
  return host;
};

/** Calls until each host has answered, so that all are connected. */
async function untilAllAnswer(client: ReturnType<typeof whoClient>, count: number): Promise<void> {
  await eventually(async () => {
    expect(Object.keys(await tallyOf(client, 2 * count))).toHaveLength(count);
  });
}

test.each([
  ["UNAVAILABLE", status.UNAVAILABLE],
  ["INTERNAL", status.INTERNAL],
  ["DATA_LOSS", status.DATA_LOSS],
])("a host that answers %s again and again is left alone", async (_name, code) => {
  const stage = grpcStage();
  const hosts = await stage.serve("one", "two", "bad");
  using client = whoClient("etcd:///api");
  await untilAllAnswer(client, 3);
  const bad = who("bad", hosts);
  const before = bad.calls;
  bad.behave(() => ({ code, details: "on purpose" }));
  const failures: unknown[] = [];
  for (let count = 0; count < 60; count += 1) {
    await client.who().catch((error: unknown) => failures.push(error));
  }
  expect(failures).toHaveLength(5);
  expect(bad.calls - before).toBe(5);
});

test.each([
  ["NOT_FOUND", status.NOT_FOUND],
  ["UNIMPLEMENTED", status.UNIMPLEMENTED],
  ["RESOURCE_EXHAUSTED", status.RESOURCE_EXHAUSTED],
])("a host that answers %s does its work", async (_name, code) => {
  const stage = grpcStage();
  const hosts = await stage.serve("one", "two", "other");
  using client = whoClient("etcd:///api");
  await untilAllAnswer(client, 3);
  who("other", hosts).behave(() => ({ code, details: "on purpose" }));
  const failures: unknown[] = [];
  for (let count = 0; count < 60; count += 1) {
    await client.who().catch((error: unknown) => failures.push(error));
  }
  expect(failures).toHaveLength(20);
});

test("a host that hangs is left alone once calls have run into their deadlines", async () => {
  const stage = grpcStage();
  const hosts = await stage.serve("one", "two", "hung");
  using client = whoClient("etcd:///api");
  await untilAllAnswer(client, 3);
  const hung = who("hung", hosts);
  hung.behave(() => new Promise(() => {}));
  const calls = Array.from({ length: 15 }, () => client.who({ deadlineMs: 1_000 }));
  const failures = (await Promise.allSettled(calls)).filter((each) => each.status === "rejected");
  expect(failures).toHaveLength(5);
  expect(failures[0]?.reason).toMatchObject({ code: status.DEADLINE_EXCEEDED });
  expect(Object.keys(await tallyOf(client, 30)).sort()).toEqual(["one", "two"]);
});

test("of calls made at once only one tries a host that has failed", async () => {
  const stage = grpcStage({ ejection: { baseMs: 100 } });
  const hosts = await stage.serve("one", "two", "bad");
  using client = whoClient("etcd:///api");
  await untilAllAnswer(client, 3);
  const bad = who("bad", hosts);
  bad.behave(() => ({ code: status.UNAVAILABLE, details: "on purpose" }));
  const { calls } = bad;
  await Promise.allSettled(Array.from({ length: 15 }, () => client.who()));
  expect(bad.calls - calls).toBe(5);
  // Neither answered nor failed, so that this one call decides.
  bad.behave(() => new Promise(() => {}));
  await eventually(async () => {
    await Promise.race([
      Promise.all(Array.from({ length: 30 }, () => client.who())),
      new Promise((resolve) => setTimeout(resolve, 300)),
    ]);
    return bad.calls > calls + 5;
  });
  expect(bad.calls - calls).toBe(6);
});

test("calls that take their time to begin are counted all the same", async () => {
  const stage = grpcStage();
  const hosts = await stage.serve("one", "two", "bad");
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const slow = grpc.credentials.createFromMetadataGenerator((_params, callback) => {
    void (async () => {
      await opened;
      callback(null, new Metadata());
    })();
  });
  using client = whoClient("etcd:///api");
  await untilAllAnswer(client, 3);
  const bad = who("bad", hosts);
  bad.behave(() => ({ code: status.UNAVAILABLE, details: "on purpose" }));
  const { calls } = bad;
  const begun = performance.now();
  const settled = Promise.allSettled(
    Array.from({ length: 15 }, () => client.who({ credentials: slow, deadlineMs: 30_000 })),
  );
  // So long that they are taken for calls that never begin when another one is made.
  await eventually(() => performance.now() - begun > 1_100, 5_000, 50);
  await client.who().catch(() => {});
  open();
  await settled;
  const broken = bad.calls - calls;
  expect(broken).toBeGreaterThanOrEqual(5);
  expect(broken).toBeLessThanOrEqual(6);
  expect(await tallyOf(client, 30)).not.toHaveProperty("bad");
});

test("a call that its caller gives up says nothing about the host", async () => {
  const stage = grpcStage();
  const hosts = await stage.serve("one", "slow");
  using client = whoClient("etcd:///api");
  await untilAllAnswer(client, 2);
  const slow = who("slow", hosts);
  const { calls } = slow;
  for (let count = 0; count < 20; count += 1) {
    const stream = client.ticks();
    stream.on("error", () => {});
    await new Promise((resolve) => stream.once("data", resolve));
    stream.cancel();
  }
  await tallyOf(client, 10);
  expect(slow.calls).toBe(calls + 5);
});

test("when all hosts fail, all are called", async () => {
  const stage = grpcStage();
  const hosts = await stage.serve("one", "two");
  using client = whoClient("etcd:///api");
  await untilAllAnswer(client, 2);
  for (const host of hosts) host.behave(() => ({ code: status.UNAVAILABLE, details: "no" }));
  for (let count = 0; count < 40; count += 1) await failureOf(client.who());
  for (const host of hosts) host.behave(() => host.name);
  expect(await client.who()).toMatch(/one|two/);
});

test("of a host that crashes nothing is called any longer after the calls that it had, and it is back when it is", async () => {
  const stage = grpcStage({ ejection: { baseMs: 100 } });
  const hosts = await stage.serve("one", "two", "dead");
  const dead = who("dead", hosts);
  using client = whoClient("etcd:///api");
  await untilAllAnswer(client, 3);
  dead.behave(() => new Promise(() => {}));
  const pending = Promise.allSettled(Array.from({ length: 9 }, () => client.who()));
  await eventually(() => dead.calls >= 3 + 2);
  dead.server.forceShutdown();
  const broken = (await pending).filter((each) => each.status === "rejected");
  expect(broken).toHaveLength(3);
  // It is still registered, as after a crash, until its lease ends.
  expect(Object.keys(await tallyOf(client, 60)).sort()).toEqual(["one", "two"]);

  await stage.serveOne("back", { port: dead.port });
  await eventually(async () => expect(await tallyOf(client, 8)).toHaveProperty("back"));
});

test("when all hosts crash calls fail at once and say why; when one is back they go on", async () => {
  const stage = grpcStage({ ejection: { baseMs: 100 } });
  const hosts = await stage.serve("one", "two", "three");
  using client = whoClient("etcd:///api");
  await untilAllAnswer(client, 3);
  for (const { server } of hosts) server.forceShutdown();
  await eventually(async () => {
    const error = await failureOf(client.who());
    expect(error.code).toBe(status.UNAVAILABLE);
    expect(error.details).toMatch(/etcd:\/\/\/api: no connection to any of 3 hosts.*ECONNREFUSED/);
  });
  for (const { registration } of hosts) await registration.unregister();
  await eventually(async () => {
    expect((await failureOf(client.who())).details).toContain("no host");
  });
  await stage.serveOne("back", { port: hosts[0]?.port ?? 0 });
  await eventually(async () => expect(await client.who()).toBe("back"));
});

test("a host that comes is called at once, though its address was given up for a long time", async () => {
  const stage = grpcStage();
  const host = await stage.serveOne("one");
  using client = whoClient("etcd:///api", { "grpc.initial_reconnect_backoff_ms": 120_000 });
  expect(await client.who()).toBe("one");
  host.server.forceShutdown();
  await eventually(async () => {
    expect((await failureOf(client.who())).details).toContain("ECONNREFUSED");
  });
  await host.registration.unregister();
  await stage.serveOne("back", { port: host.port });
  await eventually(async () => expect(await client.who()).toBe("back"));
});

test("the password of the host goes along on request, and never with an authorization of the call's own", async () => {
  const tell = async (stage: ReturnType<typeof grpcStage>) => {
    const [host] = [await stage.serveOne("one", { user: "ann", password: "s:ecret" })];
    host.behave(({ metadata }) => `authorization: ${metadata.get("authorization").join()}`);
    return host;
  };
  const stage = grpcStage({ credentials: true });
  const { registration } = await tell(stage);
  using client = whoClient("etcd:///api");
  const basic = (text: string) => `authorization: Basic ${Buffer.from(text).toString("base64")}`;
  expect(await client.who()).toBe(basic("ann:s:ecret"));
  const metadata = new Metadata();
  metadata.set("authorization", "Bearer x");
  expect(await client.who({ metadata })).toBe("authorization: Bearer x");
  expect(metadata.get("authorization")).toEqual(["Bearer x"]);
  await registration.rotateCredentials({ user: "bob", password: "new" });
  await eventually(async () => expect(await client.who()).toBe(basic("bob:new")));
  stage.undo();

  const plain = grpcStage();
  await tell(plain);
  using other = whoClient("etcd:///api");
  expect(await other.who()).toBe("authorization: ");
});

test("what one client cannot reach is well for another", async () => {
  const stage = grpcStage();
  await stage.serve("one", "two");
  using client = whoClient("etcd:///api");
  await untilAllAnswer(client, 2);
  using wrong = whoClient("etcd:///api", {}, credentials.createSsl());
  await failureOf(wrong.who());
  expect(await tallyOf(client, 10)).toEqual({ one: 5, two: 5 });
});

test("a balancing that is not ours does not leave the password out without a word", async () => {
  const stage = grpcStage({ credentials: true });
  await stage.serve("one");
  const config = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });
  expect(() => whoClient("etcd:///api", { "grpc.service_config": config })).toThrow(
    /^credentials: .* leave loadBalancingConfig out/,
  );
});

test("retries and timeouts of a channel's own config hold, and calls are spread all the same", async () => {
  const stage = grpcStage();
  const hosts = await stage.serve("one", "two");
  using client = whoClient("etcd:///api", {
    "grpc.service_config": JSON.stringify({
      methodConfig: [
        {
          name: [{ service: "test.Who" }],
          timeout: "0.5s",
          retryPolicy: {
            ...{ maxAttempts: 3, initialBackoff: "0.01s", maxBackoff: "0.01s" },
            ...{ backoffMultiplier: 1, retryableStatusCodes: ["UNAVAILABLE"] },
          },
        },
      ],
    }),
  });
  await untilAllAnswer(client, 2);
  who("one", hosts).behave(() => ({ code: status.UNAVAILABLE, details: "try two" }));
  expect(await tallyOf(client, 10)).toEqual({ two: 10 });
  for (const host of hosts) host.behave(() => new Promise(() => {}));
  const error = await failureOf(client.who({ deadlineMs: 60_000 }));
  expect(error).toMatchObject({ code: status.DEADLINE_EXCEEDED });
});

test("over TLS the certificate has to be the service's, whatever the host is called", async () => {
  const { ca, server } = await makeCertificates();
  const pair = { cert_chain: Buffer.from(server.cert), private_key: Buffer.from(server.key) };
  const stage = grpcStage();
  const own = ServerCredentials.createSsl(null, [pair]);
  const host = await stage.serveOne("one", { credentials: own });
  stage.discovery.register("localhost", { hostname: "127.0.0.1", ports: { grpc: host.port } });
  const trusting = credentials.createSsl(Buffer.from(ca.cert));
  // The certificate is for localhost and 127.0.0.1.
  using named = whoClient("etcd:///localhost", {}, trusting);
  await eventually(async () => expect(await named.who()).toBe("one"));
  using unnamed = whoClient("etcd:///api", {}, trusting);
  const error = await failureOf(unnamed.who());
  expect(error).toMatchObject({ code: status.UNAVAILABLE });
  expect(error.details).toContain("does not match certificate");
  const override = { "grpc.ssl_target_name_override": "localhost" };
  using overridden = whoClient("etcd:///api", override, trusting);
  expect(await overridden.who()).toBe("one");
});

test("a server that ends its connections now and then fails no call", async () => {
  const stage = grpcStage();
  await stage.serveOne("one", { serverOptions: { "grpc.max_connection_age_ms": 200 } });
  await stage.serve("two");
  using client = whoClient("etcd:///api");
  const end = performance.now() + 1_500;
  let answered = 0;
  while (performance.now() < end) {
    await Promise.all(Array.from({ length: 20 }, () => client.who()));
    answered += 20;
  }
  expect(answered).toBeGreaterThan(20);
});

test("hosts that come and go all the time fail no call", async () => {
  const stage = grpcStage();
  await stage.serve("one", "two");
  using client = whoClient("etcd:///api");
  await untilAllAnswer(client, 2);
  let over = false;
  const calling = (async () => {
    let answered = 0;
    while (!over) {
      await Promise.all(Array.from({ length: 20 }, () => client.who()));
      answered += 20;
    }
    return answered;
  })();
  for (let round = 0; round < 20; round += 1) {
    const { registration } = await stage.serveOne(`extra ${round}`);
    await registration.update({ weight: round + 1 });
    await registration.unregister();
  }
  over = true;
  expect(await calling).toBeGreaterThan(20);
});
