import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Discovery, type Registration } from "../../src/index.ts";
import { type EtcdCluster, startProxy, type TcpProxy } from "../../src/testing/index.ts";
import { apis, type EtcdApi, seen } from "../support/apis.ts";
import { eventually } from "../support/eventually.ts";
import { lostTime } from "../support/lost-time.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { durationOf, reached } from "../support/registrations.ts";

const privateHost = { hostname: "node-1.internal.dev", ports: { http: 8080 } };

const publicHost = {
  hostname: "public-domain.dev",
  ports: { http: 80 },
  privateHostname: "node-1.internal.dev",
  public: true,
  user: "user",
  password: "secret",
};

/** A host must be back this long after etcd serves again. */
const backMs = 2_000;

describe.each(apis)("etcd v$api", (etcdApi) => {
  const { api, start } = etcdApi;

  describe.concurrent("without any etcd", () => {
    test("lookups fail as UNAVAILABLE in time, and succeed if etcd comes in time", async () => {
      await using etcd = await start();
      await etcd.kill();
      await using discovery = new Discovery({ api, endpoints: etcd.endpoints, timeoutMs: 15_000 });
      for (const timeoutMs of [100, 1_000]) {
        const lookup = discovery.get("my-service", { timeoutMs }).all();
        const durationMs = durationOf(lookup);
        await expect(lookup).rejects.toMatchObject({ code: "UNAVAILABLE", retryable: true });
        await expect(lookup).rejects.toThrow(etcd.endpoint);
        expect(await durationMs).toBeLessThan(timeoutMs + 300);
      }
      await expect(discovery.services({ timeoutMs: 300 })).rejects.toMatchObject({
        code: "UNAVAILABLE",
      });
      const reason = new Error("changed my mind");
      const aborted = discovery.get("my-service", { signal: AbortSignal.timeout(50) }).one();
      await expect(aborted).rejects.toMatchObject({ name: "TimeoutError" });
      await expect(
        discovery.get("my-service", { signal: AbortSignal.abort(reason) }).one(),
      ).rejects.toBe(reason);

      const patient = discovery.get("my-service").service();
      await etcd.restart();
      const servesSince = performance.now();
      expect((await patient).name).toBe("my-service");
      expect(performance.now() - servesSince).toBeLessThan(backMs);
    });

    test("a registration keeps trying until etcd is there, and its wait can be given up", async () => {
      await using etcd = await start();
      await etcd.kill();
      await using discovery = new Discovery({ api, endpoints: etcd.endpoints });
      const registration = discovery.register("my-service", publicHost);
      const wait = registration.waitRegistration({ signal: AbortSignal.timeout(300) });
      await expect(wait).rejects.toMatchObject({ name: "TimeoutError" });
      expect(registration.ready).toBe(false);
      expect(registration.state).toBe("registering");
      expect(() => registration.credentials()).toThrow(
        expect.objectContaining({ code: "NOT_READY" }),
      );

      await etcd.restart();
      await registration.waitRegistration({ signal: AbortSignal.timeout(backMs) });
      expect(registration.state).toBe("registered");
      expect(registration.lastError).toBeUndefined();
      expect((await discovery.get("my-service").one()).uuid).toBe(registration.uuid);
    });

    test("a registration tries again with backoff, says why, and stops at once", async () => {
      let connections = 0;
      const server = createServer((socket) => {
        connections += 1;
        socket.on("error", () => {});
        socket.resetAndDestroy();
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      try {
        const discovery = new Discovery({ api, endpoints: [endpoint], timeoutMs: 1_000 });
        const many = Array.from({ length: 50 }, (_, i) =>
          discovery.register(`service-${i % 5}`, publicHost),
        );
        await eventually(() => many.every(({ lastError }) => lastError?.code === "UNAVAILABLE"));
        await sleep(2_000);
        // Waits of up to 50, 100, 200, 400 and 800 ms, then of up to a second, half that on average.
        expect(connections).toBeGreaterThan(3);
        expect(connections).toBeLessThan(25);
        const [first] = many;
        expect(await durationOf(first?.unregister() ?? Promise.reject())).toBeLessThan(100);
        expect(first?.state).toBe("closed");
        // Another second to give back a lease that may have been granted.
        expect(await durationOf(discovery.close())).toBeLessThan(1_300);
        const atClose = connections;
        await sleep(1_200);
        expect(connections).toBe(atClose);
      } finally {
        server.close();
      }
    });
  });

  describe.concurrent("an etcd that hangs", () => {
    test("makes lookups fail as TIMEOUT in time, and its registrations go on afterwards", async () => {
      await using etcd = await start();
      const raw = etcdApi.raw(etcd);
      await using discovery = new Discovery({ api, endpoints: etcd.endpoints });
      const registration = discovery.register("my-service", privateHost);
      await registration.waitRegistration();
      const key = `/services/my-service/${registration.uuid}`;
      const before = await raw.get(key);

      etcd.pause();
      await using newcomer = new Discovery({ api, endpoints: etcd.endpoints });
      await Promise.all(
        [discovery, newcomer].map(async (each) => {
          const startedAt = performance.now();
          const lookup = each.get("my-service", { timeoutMs: 700 }).all();
          const durationMs = durationOf(lookup);
          await expect(lookup).rejects.toMatchObject({ code: "TIMEOUT", retryable: true });
          expect(performance.now() - startedAt).toBeGreaterThan(600);
          expect(await durationMs).toBeLessThan(1_000);
        }),
      );
      const update = registration.update({ weight: 5 });
      etcd.resume();
      await update;
      expect((await discovery.get("my-service").one()).weight).toBe(5);
      if (before !== undefined && "created" in before) {
        expect(await raw.get(key)).toHaveProperty("created", before.created);
      }
    });

    test("does not hold up close for longer than the timeout", async () => {
      await using etcd = await start();
      const discovery = new Discovery({ api, endpoints: etcd.endpoints, timeoutMs: 1_000 });
      const registration = discovery.register("my-service", privateHost);
      await registration.waitRegistration();
      etcd.pause();
      const ended = durationOf(registration.unregister());
      expect(await durationOf(discovery.close())).toBeLessThan(2_300);
      expect(await ended).toBeLessThan(1_300);
    });
  });

  /** What etcd suffers, and how it comes back. */
  const faults = {
    "killed and started again": async ({ etcd }) => {
      await etcd.kill();
      await etcd.restart();
    },
    "away for longer than the lease": async ({ etcd, registrations }) => {
      await etcd.kill();
      await Promise.all(registrations.map((each) => reached(each, "lost")));
      expect(registrations.map(({ lastError }) => lastError?.code)).toEqual(
        registrations.map(() => "UNAVAILABLE"),
      );
      await etcd.restart();
    },
    wiped: ({ etcd }) => etcd.wipe(),
    "replaced by another cluster": ({ etcd }) => etcd.wipe({ newCluster: true }),
    "stopped for longer than the lease": async ({ etcd, registrations }) => {
      etcd.pause();
      await Promise.all(registrations.map((each) => reached(each, "lost")));
      etcd.resume();
    },
    "compacted while it was out of reach, after the records were deleted by hand": async ({
      proxy,
      raw,
      keys,
      forget,
    }) => {
      proxy.refuse();
      for (const key of keys) await raw.delete(key);
      await raw.put("/elsewhere/0", "1");
      await forget();
      proxy.heal();
    },
  } satisfies Record<
    string,
    (world: {
      etcd: EtcdCluster;
      proxy: TcpProxy;
      raw: ReturnType<EtcdApi["raw"]>;
      forget: () => Promise<void>;
      registrations: Registration[];
      keys: string[];
    }) => Promise<void>
  >;

  describe.concurrent("registrations are back with the same records soon after etcd was", () => {
    test.each(Object.entries(faults))("%s", async (_, suffer) => {
      await using etcd = await start();
      await using proxy = await startProxy(etcd.endpoint);
      const raw = etcdApi.raw(etcd);
      await using discovery = new Discovery({
        api,
        endpoints: [proxy.endpoint],
        prefix: "/test",
        ttlSeconds: 2,
      });
      const registrations = [
        discovery.register("public-service", publicHost),
        discovery.register("private-service", privateHost),
        discovery.register("private-service", privateHost),
      ];
      await Promise.all(registrations.map((each) => each.waitRegistration()));
      await registrations[1]?.update({ metadata: { version: "2" } });
      const uuids = registrations.map(({ uuid }) => uuid);
      const values = async () =>
        new Map([...(await raw.list("/test/"))].map(([key, { value }]) => [key, value]));
      const before = await values();
      expect(before.size).toBe(5);

      const keys = [...before.keys()];
      await suffer({ etcd, proxy, raw, registrations, keys, forget: () => etcdApi.forget(etcd) });
      const servesSince = performance.now();
      const lostMs = lostTime();
      await eventually(async () => expect(await values()).toEqual(before), 2 * backMs);
      await eventually(() => registrations.every(({ state }) => state === "registered"));
      expect(performance.now() - servesSince - lostMs()).toBeLessThan(backMs);
      expect(registrations.map(({ uuid }) => uuid)).toEqual(uuids);

      // And they live by a lease that is kept alive, and obey as before.
      const records = [...(await raw.list("/test/services/")).values()];
      const lives = records.map((record) => seen(record)?.life);
      if (raw instanceof RawEtcd) expect(await raw.leases()).toContain(lives[0]);
      expect(new Set(lives).size).toBe(1);
      expect(lives).not.toContain("0");
      await registrations[0]?.unregister();
      expect(await raw.list("/test/services/public-service/")).toEqual(new Map());
    });
  });

  describe.concurrent("a connection that died without a word", () => {
    test("does not keep a lookup from its answer", async () => {
      await using etcd = await start();
      await using proxy = await startProxy(etcd.endpoint);
      await using discovery = new Discovery({ api, endpoints: [proxy.endpoint] });
      expect((await discovery.get("my-service").service()).name).toBe("my-service");
      proxy.drop();
      expect((await discovery.get("my-service").service()).name).toBe("my-service");
    });
  });
});
