import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { type EtcdCluster, startEtcd, startProxy, type TcpProxy } from "../../src/testing/index.ts";
import { runChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { noOrphanLease } from "../support/leases.ts";
import { measured } from "../support/measured.ts";
import { RawEtcd } from "../support/raw-etcd.ts";

/** What a process of its own does: it registers, follows and looks up, and is told when to close. */
const script = `
  const discovery = new Discovery({ ttlSeconds: 2, timeoutMs: 1_500 });
  const host = { hostname: "node-1.internal.dev", ports: { http: 80 } };
  const registrations = [1, 2].map((i) => discovery.register("service-" + i, {
    ...host, public: i === 1, user: i === 1 ? "user" : undefined, password: i === 1 ? "secret" : undefined,
  }));
  const loops = [discovery.subscribe("service-1"), discovery.changes("service-2")].map(async (events) => {
    for await (const event of events);
  });
  say("begun");
  while (await told() !== "close") {
    await Promise.all(registrations.map((registration) => registration.waitRegistration()));
    say("registered");
  }
  registrations[0].update({ weight: 2 }).catch(() => {});
  registrations[0].rotateCredentials({ user: "user", password: "other" }).catch(() => {});
  discovery.get("service-1").all().catch(() => {});
  const closing = discovery.close();
  await Promise.all([closing, discovery.close(), ...registrations.map((each) => each.unregister()), ...loops]);
  say("closed");
  // What was closed is gone a turn or two later.
  await new Promise((resolve) => setTimeout(resolve, 50));
  say({ left: process.getActiveResourcesInfo().filter((name) => name !== "PipeWrap") });
`;

interface World {
  readonly etcd: EtcdCluster;
  readonly proxy: TcpProxy;
}

const outages: Record<
  string,
  {
    /** Whether it is registered before the outage begins. */
    readonly registered: boolean;
    readonly begin: (world: World) => unknown;
    readonly end: (world: World) => unknown;
  }
> = {
  "while etcd is killed": {
    registered: true,
    begin: ({ etcd }) => etcd.kill(),
    end: ({ etcd }) => etcd.restart(),
  },
  "while etcd hangs": {
    registered: true,
    begin: ({ etcd }) => etcd.pause(),
    end: ({ etcd }) => etcd.resume(),
  },
  "while the network refuses": {
    registered: true,
    begin: ({ proxy }) => proxy.refuse(),
    end: ({ proxy }) => proxy.heal(),
  },
  "while the network is silent": {
    registered: true,
    begin: ({ proxy }) => proxy.stall(),
    end: ({ proxy }) => proxy.heal(),
  },
  "before it could ever register, as the network is silent": {
    registered: false,
    begin: ({ proxy }) => proxy.stall(),
    end: ({ proxy }) => proxy.heal(),
  },
  "on connections that fell silent": {
    registered: true,
    begin: ({ proxy }) => proxy.drop(),
    end: () => {},
  },
};

describe.concurrent("a process that closes its discovery ends by itself, with nothing left, and leaves nothing on etcd", () => {
  test.each(Object.entries(outages))("%s", async (name, { registered, begin, end }) => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoint);
    const raw = new RawEtcd(etcd);
    if (!registered) await begin({ etcd, proxy });
    await using child = await runChild(script, { env: { ETCD_HOSTS: proxy.endpoint } });
    const world = { etcd, proxy };
    await child.heard((said) => said === "begun");
    if (registered) {
      child.tell("wait");
      await child.heard((said) => said === "registered");
      await begin(world);
    } else await eventually(() => proxy.connections > 1, 10_000, 20);

    child.tell("close");
    const toldAt = performance.now();
    await child.heard((said) => said === "closed");
    measured(`a process closes ${name}`, performance.now() - toldAt);
    expect(performance.now() - toldAt).toBeLessThan(6_000);
    const ended = await Promise.race([child.exit, sleep(10_000, "still alive")]);
    expect(ended).toEqual({ code: 0, signal: null, stderr: "" });
    expect(child.said.at(-1)).toEqual({ left: [] });

    await end(world);
    // The lease has the last word where nothing else came through; a restarted etcd counts it anew.
    await eventually(
      async () => expect(await raw.list("/services/")).toEqual(new Map()),
      10_000,
      50,
    );
    await noOrphanLease(raw, { withinMs: 10_000 });
    expect(await raw.list("/services/")).toEqual(new Map());
  });
});
