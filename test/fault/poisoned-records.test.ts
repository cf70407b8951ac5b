import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { collect } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { measured } from "../support/measured.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { statesOf } from "../support/registrations.ts";
import { timeUntil } from "../support/time-until.ts";
import { witness } from "../support/witness.ts";

let etcd: EtcdCluster;
let raw: RawEtcd;

beforeAll(async () => {
  etcd = await startEtcd();
  raw = new RawEtcd(etcd);
});
afterAll(() => etcd.stop());

const publicHost = {
  hostname: "public-domain.dev",
  ports: { http: 80 },
  privateHostname: "node-1.internal.dev",
  public: true,
  user: "user",
  password: "secret",
};

/** What others leave in the place of a host's record. */
const poisons: readonly (string | Uint8Array)[] = [
  "",
  "{",
  "null",
  "[]",
  '"text"',
  "42",
  '{"name":{"a":[1,{"b":null}]},"ports":[[["http"]]],"public":"yes","uuid":7}',
  '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"ports":{"__proto__":"80"}}',
  `{"name":"${"x".repeat(20_000)}`,
  "[".repeat(20_000),
  Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xc3, 0x28]),
];

/** Keys that are no host of the service, nor its info, though they lie near them. */
const foreignKeys = (prefix: string, service: string): string[] => [
  `${prefix}/services/${service}`,
  `${prefix}/services/${service}/`,
  `${prefix}/services/${service}/a/b`,
  `${prefix}/services/${service}/a//`,
  `${prefix}/services/${service}-b/host`,
  `${prefix}/services/${service}0/host`,
  `${prefix}/services/`,
  `${prefix}/services`,
  `${prefix}/services_infos/${service}/a`,
  `${prefix}/services_infos/${service}-b`,
  `${prefix}/services_infos/`,
];

describe.concurrent("poison among the records", { timeout: 60_000 }, () => {
  test("that was there before does no harm to registrations, lookups and followers", async () => {
    const prefix = `/${randomUUID()}`;
    const hosts = `${prefix}/services/demo/`;
    const stray = poisons.map((poison, i) => [`${hosts}poison-${i}`, poison] as const);
    const foreign = foreignKeys(prefix, "demo").map(
      (key) => [key, '{"ports":{"http":"1"}}'] as const,
    );
    for (const [key, value] of [...stray, ...foreign]) await raw.put(key, value);
    await raw.put(`${prefix}/services_infos/demo`, "[".repeat(1_000));

    const logger = recordingLogger();
    await using discovery = new Discovery({ endpoints: etcd.endpoints, prefix, logger });
    await using follower = witness(discovery, "demo", prefix);
    const registrations = [1, 2].map(() => discovery.register("demo", publicHost));
    await Promise.all(registrations.map((each) => each.waitRegistration()));
    await follower.agrees(etcd);

    const uuids = registrations.map(({ uuid }) => uuid);
    const found = await discovery.get("demo").all();
    const readable = found.map(({ uuid }) => uuid).filter((uuid) => uuids.includes(uuid));
    expect(readable.sort()).toEqual(uuids.sort());
    expect(found.filter(({ uuid }) => uuid.includes("/"))).toEqual([]);
    expect(await discovery.get("demo").url("http")).toBe("http://user:secret@public-domain.dev:80");
    expect((await discovery.get("demo").service()).public).toBe(true);
    expect(await discovery.services()).toEqual(["demo", "demo-b", "demo0"]);
    expect(logger.lines.filter(({ level }) => level === "error")).toEqual([]);
    expect(logger.text()).toContain("poison-1");
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);

    // And it stays where it is, as it is.
    for (const [key, value] of foreign) expect((await raw.get(key))?.value).toBe(value);
  });

  test("that comes while all is well is told of no more than once, and harms nobody", async () => {
    const prefix = `/${randomUUID()}`;
    await using discovery = new Discovery({ endpoints: etcd.endpoints, prefix });
    const registrations = [1, 2].map(() => discovery.register("demo", publicHost));
    await Promise.all(registrations.map((each) => each.waitRegistration()));
    const states = registrations.map(statesOf);
    const before = await raw.list(`${prefix}/services/demo/`);
    await using follower = witness(discovery, "demo", prefix);
    await follower.agrees(etcd);
    const bystanders = collect(discovery.subscribe("demo-b"), ({ type }) => type);

    for (const [i, poison] of poisons.entries()) {
      await raw.put(`${prefix}/services/demo/poison`, poison);
      await raw.put(foreignKeys(prefix, "demo")[i] ?? "", poison);
    }
    await raw.delete(`${prefix}/services/demo/poison`);
    // A good one that is poisoned keeps its last good value.
    await raw.put(`${prefix}/services/demo/good`, '{"name":"good","ports":{"http":"80"}}');
    await eventually(() => follower.known.has("good"));
    await raw.put(`${prefix}/services/demo/good`, "{");
    await discovery.register("demo", publicHost).waitRegistration();
    await eventually(() => follower.known.size === 4);
    expect(follower.known.get("good")?.hostname).toBe("good");
    await raw.delete(`${prefix}/services/demo/good`);
    await follower.agrees(etcd);

    const after = await raw.list(`${prefix}/services/demo/`);
    for (const [key, record] of before) expect(after.get(key)).toEqual(record);
    expect(states).toEqual([[], []]);
    expect(bystanders.items.filter((type) => type !== "up")).toEqual([]);
  });

  test.each(poisons.map((poison, i) => [i, poison] as const))(
    "in the place of an own record and of the info is undone: poison %i",
    async (_, poison) => {
      const prefix = `/${randomUUID()}`;
      await using discovery = new Discovery({ endpoints: etcd.endpoints, prefix });
      const registration = discovery.register("demo", publicHost);
      await registration.waitRegistration();
      const values = async () =>
        [...(await raw.list(`${prefix}/`))].map(([key, { value }]) => [key, value]);
      const before = await values();
      for (const [key] of before) await raw.put(key ?? "", poison);
      const { tookMs, ownMs } = await timeUntil(
        async () => expect(await values()).toEqual(before),
        10_000,
      );
      measured("a poisoned record and info put back", tookMs);
      expect(ownMs).toBeLessThan(2_000);
      await eventually(() => registration.state === "registered");
      expect(registration.credentials()).toEqual({ user: "user", password: "secret" });
    },
  );

  test.each([
    ["without its hostname", { hostname: undefined }],
    ["without its ports", { ports: undefined }],
    ["without its credentials", { user: undefined, password: undefined }],
    ["as a private one", { public: undefined }],
  ])("an info overwritten %s gets back what it lost", async (_, lacking) => {
    const prefix = `/${randomUUID()}`;
    await using discovery = new Discovery({ endpoints: etcd.endpoints, prefix });
    const registration = discovery.register("demo", publicHost);
    await registration.waitRegistration();
    const key = `${prefix}/services_infos/demo`;
    const before = (await raw.get(key))?.value ?? "";
    const full = JSON.parse(before) as object;
    await raw.put(key, JSON.stringify({ ...full, ...lacking }));
    await eventually(async () => expect((await raw.get(key))?.value).toBe(before), 5_000, 10);
    expect(registration.credentials()).toEqual({ user: "user", password: "secret" });
  });
});
