import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Discovery, type Registration } from "../../src/index.ts";
import { type EtcdCluster, startProxy } from "../../src/testing/index.ts";
import { apis, seen } from "../support/apis.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { durationOf } from "../support/registrations.ts";

const publicHost = {
  hostname: "public-domain.dev",
  ports: { http: 80 },
  privateHostname: "node-1.internal.dev",
  public: true,
  user: "user",
  password: "secret",
};

describe.each(apis)("etcd v$api", (etcdApi) => {
  const { api, start } = etcdApi;
  let etcd: EtcdCluster;
  let raw: ReturnType<typeof etcdApi.raw>;

  // Of its own, so that every lease on it is one of these tests'.
  beforeAll(async () => {
    etcd = await start();
    raw = etcdApi.raw(etcd);
  });
  afterAll(() => etcd.stop());

  /** v2 has none. */
  const leases = async () => (raw instanceof RawEtcd ? await raw.leases() : []);

  const hostKeys = async (prefix: string) => [...(await raw.list(`${prefix}/services/`)).keys()];

  /** Waits some turns of the event loop: each is far shorter than a call to etcd. */
  async function turns(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) await turn();
  }

  describe("ending a registration at whatever moment", () => {
    // From before the lease is asked for till after the record is confirmed.
    test.each([
      ["that is the first of its process", false],
      ["on a connection that is there already", true],
    ])("%s leaves neither record nor lease", async (_, connected) => {
      const prefix = `/sweep-${connected}`;
      const states = new Set<string>();
      const registrations: Registration[] = [];
      const ends: Promise<void>[] = [];
      for (let count = 0; count <= 80; count += 1) {
        const discovery = new Discovery({ api, endpoints: etcd.endpoints, prefix });
        if (connected) await discovery.get("my-service").service();
        const registration = discovery.register("my-service", publicHost);
        registrations.push(registration);
        // However many turns etcd takes: the last one ends after it is confirmed.
        if (count === 80) await registration.waitRegistration();
        else await turns(count);
        states.add(registration.state);
        const ended = registration.unregister();
        expect(registration.state).toBe("closed");
        // Some are let go before the discovery is closed, some are not.
        if (count % 2 === 0) {
          await ended;
          expect(
            await raw.get(`${prefix}/services/my-service/${registration.uuid}`),
          ).toBeUndefined();
        }
        ends.push(ended, discovery.close());
      }
      await Promise.all(ends);
      expect([...states].sort()).toEqual(["registered", "registering"]);
      expect(await hostKeys(prefix)).toEqual([]);
      expect(registrations.some(({ ready }) => ready)).toBe(false);
      await eventually(async () => expect(await leases()).toEqual([]));
      expect(await hostKeys(prefix)).toEqual([]);
    });

    test("beside another that keeps the lease alive does not bring its record back", async () => {
      const prefix = "/stayer";
      const discovery = new Discovery({ api, endpoints: etcd.endpoints, prefix });
      const stayer = discovery.register("my-service", publicHost);
      await stayer.waitRegistration();
      const states = new Set<string>();
      for (let count = 0; count <= 40; count += 1) {
        const controller = new AbortController();
        const { signal } = controller;
        const own = discovery.register("my-service", publicHost, { signal });
        const other = discovery.register(`service-${count % 3}`, publicHost);
        await turns(count);
        // However long etcd took before, one of them has come to be there.
        if (count === 40) await own.waitRegistration();
        states.add(own.state).add(other.state);
        // An abort is as good, and to end twice is no different from once.
        controller.abort();
        await Promise.all([own.unregister(), own.unregister(), other.unregister()]);
        const left = [`${prefix}/services/my-service/${stayer.uuid}`];
        expect(await hostKeys(prefix)).toEqual(left);
      }
      expect([...states].sort()).toEqual(["registered", "registering"]);
      await stayer.update({ weight: 2 });
      expect((await hostKeys(prefix)).length).toBe(1);
      const [record] = (await raw.list(`${prefix}/services/`)).values();
      const lease = seen(record)?.life;
      if (api === 3) expect(await leases()).toContain(lease);
      await discovery.close();
      expect(await leases()).not.toContain(lease);
      expect(await hostKeys(prefix)).toEqual([]);
      await Promise.all([stayer.unregister(), discovery.close()]);
    });

    test("after it was aborted before it began leaves nothing", async () => {
      await using discovery = new Discovery({ api, endpoints: etcd.endpoints, prefix: "/aborted" });
      const signal = AbortSignal.abort();
      const registration = discovery.register("my-service", publicHost, { signal });
      await expect(registration.waitRegistration()).rejects.toMatchObject({ code: "CLOSED" });
      await registration.unregister();
      expect(await hostKeys("/aborted")).toEqual([]);
    });
  });

  describe.concurrent("ending a registration while etcd is out of reach", () => {
    test("takes no longer than the timeout, and the record goes once etcd is back, though the lease lives on", async () => {
      const prefix = "/outage";
      await using proxy = await startProxy(etcd.endpoint);
      await using discovery = new Discovery({
        api,
        endpoints: [proxy.endpoint],
        prefix,
        ttlSeconds: 60,
        timeoutMs: 500,
      });
      const [stayer, leaver] = [0, 1].map(() => discovery.register("my-service", publicHost));
      await Promise.all([stayer?.waitRegistration(), leaver?.waitRegistration()]);
      proxy.refuse();
      expect(await durationOf(leaver?.unregister() ?? Promise.reject())).toBeLessThan(700);
      await leaver?.unregister();
      expect((await hostKeys(prefix)).length).toBe(2);
      proxy.heal();
      const left = [`${prefix}/services/my-service/${stayer?.uuid}`];
      await eventually(async () => expect(await hostKeys(prefix)).toEqual(left), 2_000);
      await stayer?.update({ weight: 2 });
      expect(await hostKeys(prefix)).toEqual(left);
    });

    test("with the write of its record under way does not bring it back", async () => {
      const prefix = "/hanging";
      await using hanging = await start();
      await using discovery = new Discovery({
        api,
        endpoints: hanging.endpoints,
        prefix,
        ttlSeconds: 60,
        timeoutMs: 500,
      });
      const stayer = discovery.register("my-service", publicHost);
      await stayer.waitRegistration();
      hanging.pause();
      const leavers = [];
      for (let count = 0; count < 10; count += 1) {
        leavers.push(discovery.register("my-service", publicHost));
        await turns(count);
      }
      const ends = leavers.map((leaver) => durationOf(leaver.unregister()));
      expect(Math.max(...(await Promise.all(ends)))).toBeLessThan(700);
      hanging.resume();
      await stayer.update({ weight: 2 });
      const own = etcdApi.raw(hanging);
      const left = [`${prefix}/services/my-service/${stayer.uuid}`];
      const keys = async () => [...(await own.list(`${prefix}/services/`)).keys()];
      await eventually(async () => expect(await keys()).toEqual(left), 2_000);
      await sleep(500);
      expect(await keys()).toEqual(left);
    });
  });

  describe.concurrent("draining", () => {
    test("shows the host as draining for a while, and then takes it away as unregistered", async () => {
      await using discovery = new Discovery({ api, endpoints: etcd.endpoints, prefix: "/drain" });
      const [stayer, leaver] = [0, 1].map(() => discovery.register("my-service", publicHost));
      await Promise.all([stayer?.waitRegistration(), leaver?.waitRegistration()]);
      const events = discovery.subscribe("my-service");
      await events.waitReady();

      const startedAt = performance.now();
      const drained = leaver?.drain({ delayMs: 400 });
      const { value: update } = await events.next();
      expect(update).toMatchObject({
        type: "update",
        host: { draining: true, uuid: leaver?.uuid },
      });
      // Its own answer may come after what followers are told.
      await eventually(() => expect(leaver?.state).toBe("draining"));
      expect((await discovery.get("my-service").all()).length).toBe(2);
      for (let i = 0; i < 10; i += 1) {
        expect((await discovery.get("my-service").one()).uuid).toBe(stayer?.uuid);
      }
      const { value: down } = await events.next();
      expect(down).toMatchObject({
        type: "down",
        reason: "unregistered",
        host: { uuid: leaver?.uuid },
      });
      expect(performance.now() - startedAt).toBeGreaterThan(399);
      await drained;
      expect((await discovery.get("my-service").all()).length).toBe(1);
    });
  });
});
