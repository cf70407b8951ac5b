import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Discovery, type DiscoveryOptions } from "../../src/index.ts";
import { type EtcdCluster, startEtcd, startProxy, type TcpProxy } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { recordHistory } from "../support/history.ts";
import { noOrphanLease } from "../support/leases.ts";
import { lostTime } from "../support/lost-time.ts";
import { measured } from "../support/measured.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { reached } from "../support/registrations.ts";

const service = "my-service";

const publicHost = {
  hostname: "public-domain.dev",
  ports: { http: 80 },
  privateHostname: "node-1.internal.dev",
  public: true,
  user: "user",
  password: "secret",
};

/** How long `close()` may take while etcd cannot be reached, and where it can. */
const timeoutMs = { unreachable: 1_500, reachable: 5_000 };

/** And for giving back a lease that may have been granted, and for a busy machine. */
const farewellMs = 2_000;

/** A record must be gone this soon where etcd can be reached. */
const goneMs = 5_000;

interface World {
  readonly etcd: EtcdCluster;
  readonly proxy: TcpProxy;
  readonly raw: RawEtcd;

  /** Makes a discovery that reaches etcd through the proxy. */
  readonly open: (options?: DiscoveryOptions) => Discovery;
}

/** Each brings a discovery to some moment, and closes it there; `heal` is what happens afterwards. */
interface Moment {
  readonly close: (world: World) => Promise<unknown>;
  readonly heal?: (world: World) => unknown;

  /** Whether etcd can be reached, so that nothing of it may stay for long, though the lease is one of a minute. */
  readonly reachable: boolean;
}

async function registered(world: World, options?: DiscoveryOptions): Promise<Discovery> {
  const discovery = world.open(options);
  await discovery.register("other", publicHost).waitRegistration();
  return discovery;
}

const moments: Record<string, Moment> = {
  "before anything was sent": {
    reachable: true,
    async close({ open }) {
      const discovery = open();
      discovery.register(service, publicHost);
      await discovery.close();
    },
  },
  "while its lease is granted, and no answer comes": {
    reachable: false,
    async close({ open, proxy, raw }) {
      const discovery = open({ ttlSeconds: 2 });
      await discovery.services({ timeoutMs: 10_000 });
      proxy.stall("down");
      discovery.register(service, publicHost);
      await eventually(async () => (await raw.leases()).length > 0);
      await discovery.close();
    },
    heal: ({ proxy }) => proxy.heal(),
  },
  "while its record is written, and no answer comes": {
    reachable: false,
    async close(world) {
      const { proxy, raw } = world;
      const discovery = await registered(world, { ttlSeconds: 2 });
      proxy.stall("down");
      const { uuid } = discovery.register(service, publicHost);
      await eventually(async () => (await raw.get(`/services/${service}/${uuid}`)) !== undefined);
      await discovery.close();
    },
    heal: ({ proxy }) => proxy.heal(),
  },
  "while its lease is granted, and the connection is cut before it knows": {
    reachable: true,
    async close({ open, proxy, raw }) {
      const discovery = open({ ttlSeconds: 5 });
      await discovery.services({ timeoutMs: 10_000 });
      proxy.stall("down");
      discovery.register(service, publicHost);
      await eventually(async () => (await raw.leases()).length > 0);
      const closed = discovery.close();
      proxy.cut();
      proxy.heal();
      await closed;
    },
  },
  "while its record is written, and the connection is cut before it knows": {
    reachable: true,
    async close(world) {
      const { proxy, raw } = world;
      const discovery = await registered(world);
      proxy.stall("down");
      const { uuid } = discovery.register(service, publicHost);
      await eventually(async () => (await raw.get(`/services/${service}/${uuid}`)) !== undefined);
      const closed = discovery.close();
      proxy.cut();
      proxy.heal();
      await closed;
    },
  },
  "while its record is put back": {
    reachable: true,
    async close({ open, raw }) {
      const discovery = open();
      const registration = discovery.register(service, publicHost);
      await registration.waitRegistration();
      const lost = reached(registration, "lost");
      await raw.delete(`/services/${service}/${registration.uuid}`);
      await lost;
      await discovery.close();
    },
  },
  "while it rotates the credentials and changes its record": {
    reachable: true,
    async close(world) {
      const discovery = await registered(world);
      const registration = discovery.register(service, publicHost);
      await registration.waitRegistration();
      const changes = [
        registration.rotateCredentials({ user: "user", password: "other" }),
        registration.update({ weight: 3 }),
      ];
      await Promise.all([discovery.close(), Promise.allSettled(changes)]);
    },
  },
  "on a connection that fell silent": {
    reachable: true,
    async close(world) {
      const discovery = await registered(world);
      await discovery.register(service, publicHost).waitRegistration();
      world.proxy.drop();
      await discovery.close();
    },
  },
  "while each byte takes its time": {
    reachable: true,
    async close({ open, proxy }) {
      proxy.delay(60);
      const discovery = open({ ttlSeconds: 5 });
      discovery.register(service, publicHost);
      await sleep(200);
      await discovery.close();
    },
  },
  "twice, and its registrations too": {
    reachable: true,
    async close(world) {
      const discovery = await registered(world);
      const registration = discovery.register(service, publicHost);
      await registration.waitRegistration();
      await Promise.all([
        registration.unregister(),
        discovery.close(),
        registration.drain({ delayMs: 5_000 }),
        discovery.close(),
      ]);
      await registration.unregister();
      await discovery.close();
    },
  },
  "by a listener, as soon as it is registered": {
    reachable: true,
    async close({ open }) {
      const discovery = open();
      const registration = discovery.register(service, publicHost);
      await new Promise((resolve) => {
        registration.on("state", (state) => {
          if (state === "registered") void discovery.close().then(resolve);
        });
      });
    },
  },
  "by a listener, as its lease was lost": {
    reachable: true,
    async close({ open, raw }) {
      const discovery = open();
      const registration = discovery.register(service, publicHost);
      await registration.waitRegistration();
      const closed = new Promise((resolve) => {
        registration.on("state", (state) => {
          if (state === "lost") void discovery.close().then(resolve);
        });
      });
      await raw.revoke((await raw.leases())[0] ?? "");
      await closed;
    },
  },
  "by a listener, as others have changed the credentials": {
    reachable: true,
    async close({ open }) {
      const [discovery, other] = [open(), open()];
      const registration = discovery.register(service, publicHost);
      await registration.waitRegistration();
      const closed = new Promise((resolve) => {
        registration.on("credentials", () => {
          void registration.unregister();
          void discovery.close().then(resolve);
        });
      });
      const newest = other.register(service, { ...publicHost, password: "newest" });
      await Promise.all([closed, newest.waitRegistration()]);
      await other.close();
    },
  },
  "while it asks how to sign in": {
    reachable: true,
    async close({ open }) {
      const discovery = open({ auth: () => new Promise<never>(() => {}) });
      const registration = discovery.register(service, publicHost);
      registration.waitRegistration().catch(() => {});
      await sleep(50);
      await discovery.close();
    },
  },
  "while it signs in": {
    reachable: true,
    async close({ open, proxy, etcd }) {
      await etcd.enableAuth({ rootPassword: "root" });
      proxy.stall("down");
      const discovery = open({ auth: { username: "root", password: "root" } });
      discovery.register(service, publicHost);
      await eventually(() => proxy.held > 0);
      await discovery.close();
    },
    heal: ({ proxy }) => proxy.heal(),
  },
  "while the network refuses": {
    reachable: false,
    async close(world) {
      const discovery = await registered(world, { ttlSeconds: 2 });
      const registration = discovery.register(service, publicHost);
      await registration.waitRegistration();
      world.proxy.refuse();
      await discovery.close();
    },
    heal: ({ proxy }) => proxy.heal(),
  },
  "while the network is silent, with a write on its way": {
    reachable: false,
    async close(world) {
      const discovery = await registered(world, { ttlSeconds: 2 });
      const registration = discovery.register(service, publicHost);
      await registration.waitRegistration();
      world.proxy.stall();
      registration.update({ weight: 2 }).catch(() => {});
      await eventually(() => world.proxy.held > 0);
      await discovery.close();
    },
    heal: ({ proxy }) => proxy.heal(),
  },
  "while etcd hangs, with everything on its way": {
    reachable: false,
    async close(world) {
      const discovery = await registered(world, { ttlSeconds: 2 });
      world.etcd.pause();
      discovery.register(service, publicHost);
      await sleep(100);
      await discovery.close();
    },
    heal: ({ etcd }) => etcd.resume(),
  },
};

describe.concurrent(
  "a discovery that is closed leaves no record, no lease and no socket, and nothing comes back",
  { timeout: 60_000 },
  () => {
    test.each(Object.entries(moments))("%s", async (name, { close, heal, reachable }) => {
      await using etcd = await startEtcd();
      await using proxy = await startProxy(etcd.endpoint);
      const raw = new RawEtcd(etcd);
      await using history = await recordHistory(etcd, service);
      const endpoints = [proxy.endpoint];
      const withinMs = timeoutMs[reachable ? "reachable" : "unreachable"];
      const world: World = {
        etcd,
        proxy,
        raw,
        open: (options) =>
          new Discovery({ endpoints, ttlSeconds: 60, timeoutMs: withinMs, ...options }),
      };
      const begunAt = performance.now();
      const lost = lostTime();
      await close(world);
      const tookMs = performance.now() - begunAt;
      measured(`closed ${name}`, tookMs);
      expect(tookMs - lost()).toBeLessThan(withinMs + farewellMs);
      if (reachable && heal === undefined) expect(await raw.list("/services/")).toEqual(new Map());
      await heal?.(world);
      await eventually(() => proxy.open === 0);
      await eventually(
        async () => {
          expect(await raw.list("/services/")).toEqual(new Map());
          expect(await raw.leases()).toEqual([]);
        },
        reachable ? goneMs : 15_000,
        20,
      );

      // Without its lease nothing that is still on its way can be written; nor was it, for a moment.
      const written = (await history.upToNow()).filter(({ id }) => id !== undefined);
      const lastDeletion = written.findLastIndex(({ record }) => record === undefined);
      expect(lastDeletion).toBe(written.length - 1);
      await noOrphanLease(raw);
    });
  },
);
