import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Discovery, type HostEvent, type MalformedRecord } from "../../src/index.ts";
import { type EtcdCluster, startEtcd, startProxy } from "../../src/testing/index.ts";
import { collect } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { GoHost, GoSubscriber } from "../support/go-client.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { statesOf } from "../support/registrations.ts";

let etcd: EtcdCluster;
let raw: RawEtcdV2;
const reported: MalformedRecord[] = [];
const report = (record: unknown) => void reported.push(record as MalformedRecord);

beforeAll(async () => {
  subscribe("etcd-discovery:malformed-record", report);
  etcd = await startEtcd({ args: ["--enable-v2"] });
  raw = new RawEtcdV2(etcd.endpoint);
});
afterAll(async () => {
  unsubscribe("etcd-discovery:malformed-record", report);
  await etcd.stop();
});

const ours = {
  hostname: "public-domain.dev",
  ports: { http: 80 },
  privateHostname: "node-1.internal.dev",
  public: true,
  user: "user",
  password: "secret",
};
const credentials = { user: "user", password: "secret" };
const theirs = {
  name: "public-domain.dev",
  ports: { http: "80" },
  public: true,
  ...credentials,
};

/** Long enough that no record of theirs runs out because the machine is busy. */
const calm = { everyMs: 20_000, ttlSeconds: 60 };

/** What is no record at all, though it lies where a host's record does. */
const unreadable = ["", " ", "{", "null", "[]", '"text"', "42", "[".repeat(20_000)];

/** What is a record in which hardly anything is right. */
const odd = [
  '{"name":{"a":[1,{"b":null}]},"ports":[[["http"]]],"public":"yes","uuid":7}',
  '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"ports":{"__proto__":"80"}}',
];

/** Puts what nobody should have put among the hosts of a service, and returns the keys. */
async function spoil(service: string): Promise<string[]> {
  const directory = `/services/${service}`;
  const keys: string[] = [];
  for (const [i, value] of [...unreadable, ...odd].entries()) {
    keys.push(`${directory}/poison-${i}`);
    await raw.put(`${directory}/poison-${i}`, value);
  }
  for (const key of ["sub/host", "sub/deeper/host", "_hidden", "_hidden-sub/host"]) {
    keys.push(`${directory}/${key}`);
    await raw.put(`${directory}/${key}`, '{"name":"stray","ports":{"http":"1"}}');
  }
  await raw.makeDirectory(`${directory}/empty`);
  return keys;
}

const show = ({ type, host }: HostEvent) => `${type} ${host.uuid}`;

const poisonIds = unreadable.map((_, i) => `poison-${i}`);
const oddIds = odd.map((_, i) => `poison-${unreadable.length + i}`);
const reportedIds = (service: string) =>
  new Set(reported.filter((each) => each.service === service).map(({ id }) => id));

describe.concurrent("malformed neighbours", () => {
  test("that were there before are skipped and reported, and harm nobody", async () => {
    const service = "before";
    const keys = await spoil(service);
    await raw.put(`/services_infos/${service}`, "[".repeat(1_000));
    const logger = recordingLogger();
    await using discovery = new Discovery({ api: 2, endpoints: etcd.endpoints, logger });
    const subscription = discovery.subscribe(service, { existing: true });
    const events = collect(subscription, show);
    const views = collect(discovery.changes(service), ({ hosts }) => hosts.map(({ uuid }) => uuid));
    await subscription.waitReady();
    const registrations = [1, 2].map(() => discovery.register(service, ours));
    await Promise.all(registrations.map((each) => each.waitRegistration()));
    await using go = await new GoHost(raw, service, theirs, calm).start();

    const uuids = [...registrations.map(({ uuid }) => uuid), go.uuid, ...oddIds].sort();
    await eventually(() => events.items.length >= uuids.length);
    expect(events.items.filter((told) => told.startsWith("up")).sort()).toEqual(
      uuids.map((uuid) => `up ${uuid}`),
    );
    await eventually(() => expect(views.items.at(-1)?.toSorted()).toEqual(uuids));
    const found = await discovery.get(service).all();
    expect(found.map(({ uuid }) => uuid).sort()).toEqual(uuids);
    expect(await discovery.services()).toContain(service);
    expect(reportedIds(service)).toEqual(new Set([...poisonIds, service]));
    for (const name of ["sub", "empty"]) expect(logger.text()).toContain(`/${service}/${name}`);
    expect(logger.lines.filter(({ level }) => level === "error")).toEqual([]);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
    for (const { state } of registrations) expect(state).toBe("registered");
    for (const key of keys) expect(await raw.get(key)).toBeDefined();
  });

  test("that come while all is well are skipped and reported, and harm nobody", async () => {
    const service = "meanwhile";
    const logger = recordingLogger();
    await using discovery = new Discovery({ api: 2, endpoints: etcd.endpoints, logger });
    const registration = discovery.register(service, ours);
    await registration.waitRegistration();
    const key = `/services/${service}/${registration.uuid}`;
    const before = await raw.get(key);
    const states = statesOf(registration);
    const subscription = discovery.subscribe(service);
    await subscription.waitReady();
    const events = collect(subscription, show);

    const keys = await spoil(service);
    await using go = await new GoHost(raw, service, theirs, calm).start();
    expect(await discovery.get(service).all()).toHaveLength(4);
    for (const each of keys) await raw.delete(each);
    await raw.delete(`/services/${service}/sub`, { recursive: true });
    await raw.delete(`/services/${service}/empty`, { dir: true });
    await go.stop();
    const told = [...oddIds, go.uuid];
    await eventually(() => expect(events.items.at(-1)).toBe(`down ${go.uuid}`));
    expect(events.items.filter((each) => each !== `update ${registration.uuid}`)).toEqual([
      ...oddIds.map((id) => `up ${id}`),
      `up ${go.uuid}`,
      ...told.map((id) => `down ${id}`),
    ]);
    await eventually(() => expect(reportedIds(service)).toEqual(new Set(poisonIds)));
    expect(logger.text()).toContain(`/${service}/sub`);
    expect(states).toEqual([]);
    expect((await raw.get(key))?.createdIndex).toBe(before?.createdIndex);
  });

  test("that etcd hides from listings are not told of either, though its history has them", async () => {
    const service = "hidden";
    await using proxy = await startProxy(etcd.endpoint);
    await using discovery = new Discovery({ api: 2, endpoints: [proxy.endpoint] });
    const subscription = discovery.subscribe(service);
    await subscription.waitReady();
    const events = collect(subscription, show);
    proxy.refuse();
    await raw.put(`/services/${service}/_hidden`, '{"name":"stray","ports":{"http":"1"}}');
    await using go = await new GoHost(raw, service, theirs, calm).start();
    proxy.heal();
    await eventually(() => events.items.length > 0);
    expect(events.items).toEqual([`up ${go.uuid}`]);
  });

  test("in the place of a good record leave what was known of it", async () => {
    const service = "kept";
    await using discovery = new Discovery({ api: 2, endpoints: etcd.endpoints });
    await using go = await new GoHost(raw, service, theirs, calm).start();
    const subscription = discovery.subscribe(service, { existing: true });
    const events = collect(subscription, show);
    await eventually(() => events.items.length === 1);
    for (const poison of unreadable) await raw.put(go.key, poison, 60);
    await raw.put(go.key, go.record.replace("public-domain", "other-domain"), 60);
    await eventually(() => events.items.length > 1);
    await go.stop();
    await eventually(() => events.items.length > 2);
    expect(events.items).toEqual([`up ${go.uuid}`, `update ${go.uuid}`, `down ${go.uuid}`]);
  });

  test("in the place of our own record and info are undone", async () => {
    const service = "undone";
    await using discovery = new Discovery({ api: 2, endpoints: etcd.endpoints });
    const registration = discovery.register(service, ours);
    await registration.waitRegistration();
    const key = `/services/${service}/${registration.uuid}`;
    const infoKey = `/services_infos/${service}`;
    const values = async () => [(await raw.get(key))?.value, (await raw.get(infoKey))?.value];
    const before = await values();
    for (const poison of ["{", "", '{"name":5}']) {
      await raw.put(key, poison, 60);
      await raw.put(infoKey, poison);
      await eventually(async () => expect(await values()).toEqual(before), 5_000, 20);
    }
    expect(registration.credentials()).toEqual(credentials);
    // And it lives by its own time again, not by that of whoever spoilt it.
    await eventually(async () => ((await raw.get(key))?.ttl ?? 60) <= 5, 5_000, 20);
  });

  test("in the place of the info leave the hosts to be found and to be followed", async () => {
    const service = "no-info";
    const logger = recordingLogger();
    await raw.put(`/services_infos/${service}/stray`, "{}");
    await using discovery = new Discovery({ api: 2, endpoints: etcd.endpoints, logger });
    const subscription = discovery.subscribe(service);
    await subscription.waitReady();
    const events = collect(subscription, show);
    const registration = discovery.register(service, { hostname: "node-1", ports: { http: 80 } });
    await registration.waitRegistration();
    await raw.put(`/services/${service}/by-hand`, '{"name":"node-2","ports":{"http":"80"}}', 60);
    const both = ["by-hand", registration.uuid].sort();
    await eventually(() => events.items.length >= 2);
    expect(events.items.toSorted()).toEqual(both.map((uuid) => `up ${uuid}`));
    expect((await discovery.get(service).all()).map(({ uuid }) => uuid).sort()).toEqual(both);
    expect((await discovery.get(service).service()).name).toBe(service);
    await raw.delete(`/services_infos/${service}`, { recursive: true });
    const info = `{"name":"${service}","critical":false}`;
    await eventually(
      async () => expect((await raw.get(`/services_infos/${service}`))?.value).toBe(info),
      5_000,
      20,
    );
    expect(logger.lines.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("of another service whose name begins the same are not looked at", async () => {
    await using discovery = new Discovery({ api: 2, endpoints: etcd.endpoints });
    const subscription = discovery.subscribe("near");
    await subscription.waitReady();
    const events = collect(subscription, show);
    await using other = await new GoHost(raw, "near-b", theirs, calm).start();
    await raw.put("/services/nea", "{}");
    await using own = await new GoHost(raw, "near", theirs, calm).start();
    await eventually(() => events.items.length > 0);
    await other.stop();
    await own.stop();
    await eventually(() => events.items.length > 1);
    expect(events.items).toEqual([`up ${own.uuid}`, `down ${own.uuid}`]);
  });

  test("that lie where the directory should be keep a host out until they are gone", async () => {
    const service = "no-directory";
    await raw.put(`/services/${service}`, "{}");
    await using discovery = new Discovery({ api: 2, endpoints: etcd.endpoints });
    const registration = discovery.register(service, ours);
    const subscription = discovery.subscribe(service, { existing: true });
    const events = collect(subscription, show);
    await eventually(() => registration.lastError !== undefined);
    expect(registration.state).toBe("registering");
    await raw.delete(`/services/${service}`);
    await registration.waitRegistration();
    await eventually(() => expect(events.items).toEqual([`up ${registration.uuid}`]));
  });

  test("or a whole directory that is deleted: our hosts come back, those of others are told to be gone", async () => {
    const service = "swept";
    await using discovery = new Discovery({ api: 2, endpoints: etcd.endpoints });
    await using go = await new GoHost(raw, service, theirs, calm).start();
    const registration = discovery.register(service, ours);
    await registration.waitRegistration();
    const subscription = discovery.subscribe(service, { existing: true });
    const events = collect(subscription, show);
    await eventually(() => events.items.length >= 2);
    await go.kill();
    await raw.delete(`/services/${service}`, { recursive: true });
    const key = `/services/${service}/${registration.uuid}`;
    await eventually(async () => (await raw.get(key)) !== undefined, 5_000, 20);
    await eventually(() => expect(events.items).toContain(`down ${go.uuid}`));
    await eventually(async () => {
      const found = await discovery.get(service).all();
      expect(found.map(({ uuid }) => uuid)).toEqual([registration.uuid]);
    });
    // A Go subscriber that comes now is not told of anything that was.
    await using subscriber = await new GoSubscriber(raw, service).start();
    await registration.unregister();
    await eventually(() => subscriber.gone.length > 0);
    expect([subscriber.fresh, subscriber.gone]).toEqual([[], [registration.uuid]]);
  });
});
