import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Discovery, type HostEvent } from "../../src/index.ts";
import { type EtcdCluster, startEtcd, startProxy } from "../../src/testing/index.ts";
import { collect } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { GoHost, goLookup, GoSubscriber } from "../support/go-client.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";
import { RubyHost } from "../support/ruby-client.ts";

let etcd: EtcdCluster;
let raw: RawEtcdV2;

beforeAll(async () => {
  etcd = await startEtcd({ args: ["--enable-v2"] });
  raw = new RawEtcdV2(etcd.endpoint);
});
afterAll(() => etcd.stop());

/** Long enough that nobody's record runs out because the machine is busy. */
const calm = { ttlSeconds: 60 };

const connect = (endpoints = etcd.endpoints) => new Discovery({ api: 2, endpoints, ...calm });

const face = { ports: { http: "80" }, public: true, user: "user", password: "1" };
const ours = { hostname: "public-domain.dev", ...face };
const theirs = { name: "public-domain.dev", ...face };

const show = ({ type, host, reason }: HostEvent) => [type, host.uuid, reason].join(" ").trim();
const told = (type: string, uuids: readonly string[], reason = "") =>
  uuids.map((uuid) => `${type} ${uuid} ${reason}`.trim()).sort();

/** More than etcd's history holds, of another service. */
async function fillHistory(raw: RawEtcdV2): Promise<void> {
  for (let i = 0; i < 1_050; i += 50) {
    const puts = Array.from({ length: 50 }, () => raw.put("/services/other/noise", "{}", 60));
    await Promise.all(puts);
  }
}

describe.concurrent("a fleet of Go, Ruby and our hosts", () => {
  test("is told of each host once, and of nothing where nothing changed", async () => {
    const service = "mixed";
    await using follower = connect();
    await using first = connect();
    await using second = connect();
    await using subscriber = await new GoSubscriber(raw, service).start();
    const subscription = follower.subscribe(service);
    await subscription.waitReady();
    const events = collect(subscription, (event) => event);
    const news = () => events.take().map(show).sort();

    const rewriting = { everyMs: 100, ttlSeconds: 4 };
    await using go1 = await new GoHost(raw, service, theirs, rewriting).start();
    await using go2 = await new GoHost(raw, service, theirs, rewriting).start();
    await using ruby1 = await new RubyHost(raw, service, theirs, rewriting).start();
    await using ruby2 = await new RubyHost(raw, service, theirs, rewriting).start();
    const own = [first, first, second].map((each) => each.register(service, ours));
    await Promise.all(own.map((each) => each.waitRegistration()));
    const foreign = [go1, go2, ruby1, ruby2];
    const uuids = [...own, ...foreign].map(({ uuid }) => uuid);
    await eventually(() => events.items.length >= uuids.length);
    expect(news()).toEqual(told("up", uuids));

    const before = foreign.map(({ writes }) => writes);
    await eventually(() => foreign.every(({ writes }, i) => writes > 10 + (before[i] ?? 0)));
    expect(news()).toEqual([]);

    await own[0]?.rotateCredentials({ user: "user", password: "2" });
    await eventually(() => events.items.length >= uuids.length);
    expect(events.items.map(({ host }) => host.password)).toEqual(uuids.map(() => "2"));
    expect(news()).toEqual(told("update", uuids));

    const [, ...stay] = own;
    await Promise.all([own[0]?.unregister(), go1.stop(), ruby1.stop()]);
    await Promise.all([go2.kill(), ruby2.kill()]);
    const downs = () => events.items.filter(({ type }) => type === "down");
    await eventually(() => downs().length >= 5, 15_000);
    const left = downs().map(show).sort();
    expect(left).toEqual(
      [
        ...told("down", [uuids[0] ?? "", go1.uuid, ruby1.uuid], "unregistered"),
        ...told("down", [go2.uuid, ruby2.uuid], "expired"),
      ].sort(),
    );
    // What is to leave may be told to be draining before.
    const draining = `update ${uuids[0]}`;
    expect(news().filter((each) => each !== draining)).toEqual(left);

    const rest = stay.map(({ uuid }) => uuid).sort();
    expect((await goLookup(raw, service)).hosts.map(({ uuid }) => uuid).sort()).toEqual(rest);
    expect((await follower.get(service).all()).map(({ uuid }) => uuid).sort()).toEqual(rest);
    expect(subscriber.fresh.toSorted()).toEqual(uuids.toSorted());
    expect(subscriber.failure).toBeUndefined();
  });

  test("is followed through cut connections without a word of what did not change", async () => {
    const service = "cut";
    await using proxy = await startProxy(etcd.endpoint);
    await using follower = connect([proxy.endpoint]);
    await using owner = connect([proxy.endpoint]);
    const hosts = [1, 2, 3, 4].map(
      () => new GoHost(raw, service, theirs, { everyMs: 50, ...calm }),
    );
    await Promise.all(hosts.map((host) => host.start()));
    const registration = owner.register(service, ours);
    await registration.waitRegistration();
    const subscription = follower.subscribe(service, { existing: true });
    const events = collect(subscription, show);
    await eventually(() => events.items.length >= 5);
    expect(events.take().sort()).toEqual(
      told("up", [registration.uuid, ...hosts.map(({ uuid }) => uuid)]),
    );
    for (let i = 0; i < 10; i += 1) {
      proxy.cut();
      const { connections } = proxy;
      await eventually(() => proxy.connections > connections);
      if (i === 5) await hosts[0]?.stop();
    }
    await eventually(() => events.items.length > 0, 15_000);
    await using late = await new GoHost(raw, service, theirs, calm).start();
    await eventually(() => events.items.length > 1, 15_000);
    const [down, up] = events.items;
    expect(down).toMatch(new RegExp(`^down ${hosts[0]?.uuid} (unregistered|resync)$`));
    expect([up, ...events.items.slice(2)]).toEqual([`up ${late.uuid}`]);
    await Promise.all(hosts.map((host) => host.kill()));
  });

  test("beside a busy one is followed though etcd forgets its past", async () => {
    const service = "quiet";
    // Of its own, as the Go subscribers of other tests would not survive this.
    await using busy = await startEtcd({ args: ["--enable-v2"] });
    const raw = new RawEtcdV2(busy.endpoint);
    await using proxy = await startProxy(busy.endpoint);
    await using follower = connect([proxy.endpoint]);
    const leaver = new GoHost(raw, service, theirs, calm);
    const stayer = new GoHost(raw, service, theirs, calm);
    await Promise.all([leaver.start(), stayer.start()]);
    const subscription = follower.subscribe(service, { existing: true });
    const events = collect(subscription, show);
    await eventually(() => events.items.length >= 2);
    events.take();

    await fillHistory(raw);
    await using soon = await new GoHost(raw, service, theirs, calm).start();
    await eventually(() => events.items.length > 0);
    expect(events.take()).toEqual([`up ${soon.uuid}`]);

    proxy.refuse();
    await leaver.stop();
    await using later = await new GoHost(raw, service, theirs, calm).start();
    await fillHistory(raw);
    proxy.heal();
    await eventually(() => events.items.length >= 2, 10_000);
    expect(events.take().sort()).toEqual([`down ${leaver.uuid} resync`, `up ${later.uuid}`]);
    await stayer.stop();
    await eventually(() => events.items.length > 0);
    expect(events.take()).toEqual([`down ${stayer.uuid} unregistered`]);
  });

  test("is found whole while it is replaced host by host, as a deploy does", async () => {
    const service = "deployed";
    await using follower = connect();
    const old = [1, 2, 3].map(() => new GoHost(raw, service, theirs, calm));
    await Promise.all(old.map((host) => host.start()));
    const views = collect(follower.changes(service), (view) => view);
    await eventually(() => views.items.at(-1)?.hosts.length === 3);
    await using owner = connect();
    const fresh: string[] = [];
    for (const host of old) {
      const successor = owner.register(service, ours);
      fresh.push(successor.uuid);
      await successor.waitRegistration();
      await host.stop();
      expect((await goLookup(raw, service)).hosts).toHaveLength(3);
      expect(await follower.get(service).all()).toHaveLength(3);
    }
    const removed = () => views.items.flatMap((view) => view.removed.map(({ uuid }) => uuid));
    await eventually(() => removed().length >= 3);
    const gone = old.map(({ uuid }) => uuid);
    expect(removed()).toEqual(gone);
    const added = views.items.flatMap((view) => view.added.map(({ uuid }) => uuid));
    expect(added.sort()).toEqual([...gone, ...fresh].sort());
    for (const { hosts } of views.items) expect([3, 4]).toContain(hosts.length);
    for (const { hostname } of await follower.get(service).all()) {
      expect(hostname).toBe("public-domain.dev");
    }
  });
});
