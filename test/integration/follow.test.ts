import { describe, expect, it } from "vitest";
import { Discovery } from "../../src/discovery.ts";
import type { HostEvent } from "../../src/find/host-event.ts";
import type { ServiceView } from "../../src/find/view-inbox.ts";
import { type EtcdCluster, startProxy } from "../../src/testing/index.ts";
import { apis } from "../support/apis.ts";
import { collect } from "../support/collect.ts";
import { hostValue } from "../support/host-value.ts";
import { eventually } from "../support/eventually.ts";

const host = { hostname: "node-1.internal.dev", ports: { http: 8080 } };

const show = ({ type, host, reason }: HostEvent) =>
  [type, host.uuid, host.shard, reason].filter(Boolean).join(" ");

const summary = ({ hosts, added, updated, removed, freshness }: ServiceView) => ({
  hosts: hosts.map(({ uuid }) => uuid).sort(),
  added: added.map(({ uuid }) => uuid).sort(),
  updated: updated.map(({ uuid }) => uuid),
  removed: removed.map(({ uuid }) => uuid),
  source: freshness.source,
});

const textOf = (value: Uint8Array) => Buffer.from(value).toString();

describe.each(apis)("etcd v$api", (etcdApi) => {
  const { api, start, watchers } = etcdApi;

  /** Writes a host's record by hand, for as long as the test takes. */
  async function putHost(
    etcd: EtcdCluster,
    service: string,
    id: string,
    shard = "",
  ): Promise<void> {
    await putKey(etcd, `/services/${service}/${id}`, textOf(hostValue(service, id, shard)));
  }

  async function putKey(etcd: EtcdCluster, key: string, value: string): Promise<void> {
    await etcdApi.raw(etcd).put(key, value);
  }

  async function deleteHost(etcd: EtcdCluster, service: string, id: string): Promise<void> {
    await etcdApi.raw(etcd).delete(`/services/${service}/${id}`);
  }

  describe.concurrent("on an etcd that is well", () => {
    it("is told of hosts that come, change and leave, each once and in order", async () => {
      await using etcd = await start();
      await using here = new Discovery({ api, endpoints: etcd.endpoints });
      await using there = new Discovery({ api, endpoints: etcd.endpoints });
      const service = "follow-well";
      const all = here.subscribe(service);
      const fresh = collect(here.subscribeNew(service), ({ uuid }) => uuid);
      const gone = collect(here.subscribeDown(service), ({ uuid, weight }) => `${uuid} ${weight}`);
      await all.waitReady();
      const events = collect(all, show);

      const registration = there.register(service, { ...host, shard: "1" });
      const { uuid } = registration;
      await registration.waitRegistration();
      await eventually(() => events.items.length === 1);
      await registration.update({ shard: "2", weight: 3 });
      await eventually(() => events.items.length === 2);
      await registration.unregister();
      await eventually(() => expect(events.items.at(-1)).toMatch(/^down/));
      expect(events.items.filter((event) => !/^update .* 2$/.test(event))).toEqual([
        `up ${uuid} 1`,
        `down ${uuid} 2 unregistered`,
      ]);
      expect(fresh.items).toEqual([uuid]);
      expect(gone.items).toEqual([`${uuid} 3`]);
    });

    it("shares one watch of a service among all that follow it, and closes it with the last", async () => {
      await using etcd = await start();
      await using discovery = new Discovery({ api, endpoints: etcd.endpoints });
      const subscriptions = Array.from({ length: 50 }, () => discovery.subscribe("shared"));
      const changes = Array.from({ length: 50 }, () => discovery.changes("shared"));
      await Promise.all([...subscriptions, ...changes].map((each) => each.waitReady()));
      // The hosts and the info lie in different places.
      await eventually(async () => expect(await watchers(etcd)).toBe(2));
      await putHost(etcd, "shared", "a");
      for (const each of subscriptions) {
        expect(await each.next()).toMatchObject({ value: { type: "up", host: { uuid: "a" } } });
      }
      await Promise.all([...subscriptions, ...changes].map((each) => each.return()));
      await eventually(async () => expect(await watchers(etcd)).toBe(0));
    });

    it("passes over what is no host, cannot be read, or belongs to a neighbour", async () => {
      await using etcd = await start();
      const skipped: string[] = [];
      const quiet = { debug() {}, info() {}, error() {} };
      const logger = { ...quiet, warn: (message: string) => void skipped.push(message) };
      await using discovery = new Discovery({ api, endpoints: etcd.endpoints, logger });
      await putKey(etcd, "/services/demo/poison-1", "{");
      const events = collect(discovery.subscribe("demo", { existing: true }), show);
      await eventually(async () => expect(await watchers(etcd)).toBe(2));
      await putKey(etcd, "/services/demo/poison-2", "null");
      await putKey(etcd, "/services/demo/deeper/still", "{}");
      if (api === 3) await putKey(etcd, "/services/demo/", "{}");
      await putHost(etcd, "demo-b", "neighbour");
      await putHost(etcd, "demo", "a");
      await eventually(() => events.items.length > 0);
      expect(events.items).toEqual(["up a"]);
      expect(skipped).toHaveLength(2);
      await putKey(etcd, "/services/demo/a", "[]");
      await putHost(etcd, "demo", "a", "1");
      await eventually(() => events.items.length > 1);
      expect(events.items).toEqual(["up a", "update a 1"]);
    });
  });

  describe.concurrent("on an etcd that suffers", () => {
    it("goes on after it was killed and started again, and shows when it was not live", async () => {
      await using etcd = await start();
      await using discovery = new Discovery({ api, endpoints: etcd.endpoints });
      await putHost(etcd, "api", "a");
      const subscription = discovery.subscribe("api");
      const views = collect(discovery.changes("api"), summary);
      await subscription.waitReady();
      const events = collect(subscription, show);
      await eventually(() => views.items.length === 1);
      await eventually(async () => (await watchers(etcd)) === 2);

      await etcd.kill();
      await eventually(() => views.items.length === 2);
      await etcd.restart();
      const served = performance.now();
      await deleteHost(etcd, "api", "a");
      await putHost(etcd, "api", "b");
      await eventually(() => events.items.length === 2);
      expect(performance.now() - served).toBeLessThan(2_000);
      // The reason and the order depend on whether a watch tells it, or a new listing.
      const [down, up] = events.items.toSorted();
      expect([down, up]).toEqual([expect.stringMatching(/^down a /), "up b"]);

      const last = { hosts: ["b"], source: "live" };
      await eventually(() => expect(views.items.at(-1)).toMatchObject(last));
      const sources = views.items.map(({ source }) => source);
      const turns = sources.filter((source, at) => source !== sources[at - 1]);
      expect(turns).toEqual(["live", "stale", "live"]);
      expect(views.items.flatMap(({ added }) => added)).toEqual(["a", "b"]);
      expect(views.items.flatMap(({ removed }) => removed)).toEqual(["a"]);
    });

    it("tells the difference when the past was compacted while it was away", async () => {
      await using etcd = await start();
      await using proxy = await startProxy(etcd.endpoint);
      await using discovery = new Discovery({ api, endpoints: [proxy.endpoint] });
      for (const id of ["a", "b", "c"]) await putHost(etcd, "api", id);
      const views = collect(discovery.changes("api"), summary);
      const events = collect(discovery.subscribe("api", { existing: true }), show);
      await eventually(() => events.items.length === 3);
      events.take();
      await eventually(async () => (await watchers(etcd)) === 2);
      proxy.refuse();
      await eventually(() => views.items.at(-1)?.source === "stale");
      await deleteHost(etcd, "api", "a");
      await putHost(etcd, "api", "b", "1");
      await putHost(etcd, "api", "c", "1");
      await putHost(etcd, "api", "c");
      await putHost(etcd, "api", "d");
      await etcdApi.forget(etcd);
      await putHost(etcd, "api", "e");
      proxy.heal();
      await eventually(() => events.items.length === 4);
      expect(events.items.toSorted()).toEqual(["down a resync", "up d", "up e", "update b 1"]);
      await eventually(() => views.items.at(-1)?.source === "live");
      await putHost(etcd, "api", "f");
      await eventually(() => expect(events.items.at(-1)).toBe("up f"));
      expect(events.items).toHaveLength(5);
    });

    it.each([
      ["lost its disk", false],
      ["was replaced by another", true],
    ])("tells that all are gone when it %s, and follows the new one", async (_, newCluster) => {
      await using etcd = await start();
      await using proxy = await startProxy(etcd.endpoint);
      await using discovery = new Discovery({ api, endpoints: [proxy.endpoint] });
      for (const id of ["a", "b", "c"]) await putHost(etcd, "api", id);
      const events = collect(discovery.subscribe("api", { existing: true }), show);
      await eventually(() => events.items.length === 3);
      events.take();
      // Nobody is to see the new one before c is there.
      proxy.refuse();
      await etcd.wipe({ newCluster });
      await putHost(etcd, "api", "c");
      proxy.heal();
      await eventually(() => events.items.length === 2);
      expect(events.items.toSorted()).toEqual(["down a resync", "down b resync"]);
      await putHost(etcd, "api", "d");
      await eventually(() => events.items.length === 3);
      expect(events.items.at(-1)).toBe("up d");
    });

    it("begins when it comes up", async () => {
      await using etcd = await start();
      await using discovery = new Discovery({ api, endpoints: etcd.endpoints });
      await putHost(etcd, "api", "a");
      await etcd.kill();
      const subscription = discovery.subscribe("api", { existing: true });
      const events = collect(subscription, show);
      const ready = subscription.waitReady();
      await etcd.restart();
      await ready;
      await eventually(() => events.items.length === 1);
      expect(events.items).toEqual(["up a"]);
    });
  });

  describe.concurrent("on an etcd that refuses", () => {
    it("says so at once, and begins when the role is granted", async () => {
      const auth = {
        rootPassword: "root",
        roles: [{ name: "reader", permissions: [] }],
        users: [{ name: "app", password: "secret", roles: ["reader"] }],
      };
      await using etcd = await start();
      const users = await etcdApi.askForPasswords(etcd, auth);
      const raw = etcdApi.raw(etcd, auth.rootPassword);
      // v2 says the same of a wrong password, so that it depends on whether the user was ever let in.
      const refused = api === 3 ? /^PERMISSION_DENIED$/ : /^(PERMISSION_DENIED|UNAUTHENTICATED)$/;
      await using discovery = new Discovery({
        api,
        endpoints: etcd.endpoints,
        auth: { username: "app", password: "secret" },
      });
      const subscription = discovery.subscribe("api", { existing: true });
      await expect(subscription.waitReady()).rejects.toMatchObject({
        code: expect.stringMatching(refused) as string,
        message: expect.stringMatching(/\/services(_infos)?\/api/) as string,
      });
      await raw.put("/services/api/a", textOf(hostValue("api", "a")));
      await users.allow({ name: "reader", permissions: [{ access: "read", prefix: "/" }] });
      expect(await subscription.next()).toMatchObject({
        value: { type: "up", host: { uuid: "a" } },
      });
      await subscription.waitReady();
      await raw.put("/services/api/b", textOf(hostValue("api", "b")));
      expect(await subscription.next()).toMatchObject({
        value: { type: "up", host: { uuid: "b" } },
      });
    });

    it("tells a wrong password at once", async () => {
      await using etcd = await start();
      await etcdApi.askForPasswords(etcd, { rootPassword: "root" });
      await using discovery = new Discovery({
        api,
        endpoints: etcd.endpoints,
        auth: { username: "root", password: "wrong" },
      });
      const waiting = discovery.subscribe("api").waitReady();
      await expect(waiting).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    });
  });
});
