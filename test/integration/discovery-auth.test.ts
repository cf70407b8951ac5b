import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AuthOptions, Discovery, type DiscoveryOptions } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { durationOf, reached, statesOf } from "../support/registrations.ts";

const host = { hostname: "node-1.internal.dev", ports: { http: 8080 } };

const all = { access: "readwrite", prefix: "/services" } as const;

const auth = {
  rootPassword: "root-secret",
  roles: [
    { name: "all", permissions: [all] },
    { name: "reader", permissions: [{ access: "read", prefix: "/services" }] },
    { name: "empty", permissions: [] },
  ],
  users: [
    { name: "ann", password: "ann-secret", roles: ["all"] },
    { name: "bob", password: "bob-secret", roles: ["reader"] },
    { name: "eve", password: "eve-secret", roles: ["empty"] },
    { name: "zoe", password: "zoe-old", roles: ["all"] },
  ],
} as const;

let etcd: EtcdCluster;

/** One whose tokens live for a second, and is restarted. */
let forgetful: EtcdCluster;

beforeAll(async () => {
  [etcd, forgetful] = await Promise.all([
    startEtcd({ auth }),
    startEtcd({ auth, args: ["--auth-token-ttl", "1"] }),
  ]);
});
afterAll(() => Promise.all([etcd?.stop(), forgetful?.stop()]));

const as = (username: string, password: string, more?: DiscoveryOptions): Discovery =>
  new Discovery({ endpoints: etcd.endpoints, auth: { username, password }, ...more });

const base64 = (text: string) => Buffer.from(text).toString("base64");

describe.concurrent("an etcd that asks for a password", () => {
  test("serves a user whose role may do it all", async () => {
    await using discovery = as("ann", "ann-secret");
    const ups = discovery.subscribeNew("ann-service");
    await ups.waitReady();
    const registration = discovery.register("ann-service", host);
    await registration.waitRegistration();
    expect((await ups.next()).value?.uuid).toBe(registration.uuid);
    expect((await discovery.get("ann-service").one()).uuid).toBe(registration.uuid);
    expect(await discovery.services({ alive: true })).toContain("ann-service");
    await registration.unregister();
    await expect(discovery.get("ann-service").one()).rejects.toMatchObject({
      code: "NO_HOST_FOUND",
    });
  });

  test.each<[string, DiscoveryOptions["auth"]]>([
    ["a wrong password", { username: "ann", password: "not-anns-secret" }],
    ["an unknown user", { username: "nobody", password: "not-anns-secret" }],
    ["no user at all", undefined],
  ])("refuses %s as UNAUTHENTICATED", async (_, given) => {
    const logger = recordingLogger();
    await using discovery = new Discovery({ endpoints: etcd.endpoints, auth: given, logger });
    const startedAt = performance.now();
    const refused = { code: "UNAUTHENTICATED", retryable: false };
    await expect(discovery.get("my-service").one()).rejects.toMatchObject(refused);
    await expect(discovery.services()).rejects.toMatchObject(refused);
    await expect(discovery.subscribe("my-service").waitReady()).rejects.toMatchObject(refused);
    const registration = discovery.register("my-service", host);
    await expect(registration.waitRegistration()).rejects.toMatchObject(refused);
    await expect(registration.waitRegistration()).rejects.toMatchObject(refused);
    expect(registration.state).toBe("registering");
    // Long before anything would have timed out; and there is nothing to be taken back.
    await registration.unregister();
    await discovery.close();
    expect(performance.now() - startedAt).toBeLessThan(3_500);
    expect(logger.text()).not.toContain("secret");
  });

  test("takes a registration once its user is told the right password", async () => {
    let password = "wrong";
    let asked = 0;
    const source = async (): Promise<AuthOptions> => {
      asked += 1;
      return { username: "ann", password };
    };
    await using discovery = new Discovery({ endpoints: etcd.endpoints, auth: source });
    const registration = discovery.register("late-service", host);
    await expect(registration.waitRegistration()).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
    const before = asked;
    password = "ann-secret";
    await eventually(() => registration.ready, 4_000);
    expect(registration.lastError).toBeUndefined();
    await registration.waitRegistration();
    // Not in a storm of sign-ins.
    expect(asked - before).toBeLessThan(10);
  });

  test("goes on serving who knows a changed password", async () => {
    let password = "zoe-old";
    await using discovery = new Discovery({
      endpoints: etcd.endpoints,
      auth: () => ({ username: "zoe", password }),
      ttlSeconds: 2,
    });
    const registration = discovery.register("changed-service", host);
    await registration.waitRegistration();
    await etcd.call("/v3/auth/user/changepw", { name: "zoe", password: "zoe-new" });
    password = "zoe-new";
    await registration.update({ weight: 2 });
    expect((await discovery.get("changed-service").one()).weight).toBe(2);
  });

  test("refuses what a role does not permit as PERMISSION_DENIED, naming the key", async () => {
    await using discovery = as("bob", "bob-secret");
    await expect(discovery.get("bob-service").one()).rejects.toMatchObject({
      code: "SERVICE_NOT_FOUND",
    });
    const registration = discovery.register("bob-service", host);
    const denied = registration.waitRegistration();
    await expect(denied).rejects.toMatchObject({ code: "PERMISSION_DENIED", retryable: false });
    await expect(denied).rejects.toThrow(/\/services(_infos)?\/bob-service/);
    expect(registration.lastError).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(await durationOf(registration.unregister())).toBeLessThan(2_000);

    await using poorer = as("eve", "eve-secret");
    const lookup = poorer.get("bob-service").one();
    await expect(lookup).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await expect(lookup).rejects.toThrow(/\/services(_infos)?\/bob-service/);
  });

  test("takes a registration, and lets it be followed, once its role permits it", async () => {
    await etcd.call("/v3/auth/role/add", { name: "granted" });
    await etcd.call("/v3/auth/user/add", { name: "gus", password: "gus-secret" });
    await etcd.call("/v3/auth/user/grant", { user: "gus", role: "granted" });
    await using discovery = as("gus", "gus-secret");
    const events = discovery.subscribe("granted-service");
    const denied = { code: "PERMISSION_DENIED" };
    await expect(events.waitReady()).rejects.toMatchObject(denied);
    const registration = discovery.register("granted-service", host);
    await expect(registration.waitRegistration()).rejects.toMatchObject(denied);

    await etcd.call("/v3/auth/role/grant", {
      name: "granted",
      perm: { permType: "READWRITE", key: base64("/services"), range_end: base64("/servicet") },
    });
    await eventually(() => registration.ready, 4_000);
    await registration.waitRegistration();
    // It may not have tried again yet.
    await eventually(() => events.waitReady(), 4_000);
    await registration.unregister();
    await expect(discovery.get("granted-service").one()).rejects.toMatchObject({
      code: "NO_HOST_FOUND",
    });
  });

  test("serves on when tokens run out, and when all are forgotten by a restart", async () => {
    const raw = new RawEtcd(forgetful);
    await using discovery = new Discovery({
      endpoints: forgetful.endpoints,
      auth: { username: "ann", password: "ann-secret" },
      ttlSeconds: 2,
    });
    const ups = discovery.subscribeNew("forgetful-service");
    const registration = discovery.register("forgetful-service", host);
    await registration.waitRegistration();
    expect((await ups.next()).value?.uuid).toBe(registration.uuid);
    const key = `/services/forgetful-service/${registration.uuid}`;
    const before = await raw.get(key);
    const states = statesOf(registration);

    // Far longer than the tokens and the lease live.
    await sleep(4_000);
    const second = discovery.register("forgetful-service", host);
    await second.waitRegistration();
    expect((await ups.next()).value?.uuid).toBe(second.uuid);
    expect(await raw.get(key)).toEqual(before);
    expect(states).toEqual([]);

    await forgetful.restart();
    expect((await discovery.get("forgetful-service").all()).length).toBe(2);
    const third = discovery.register("forgetful-service", host);
    await third.waitRegistration();
    expect((await ups.next()).value?.uuid).toBe(third.uuid);
    // Meanwhile the lease may have run out, but not for long.
    await eventually(async () => (await raw.get(key))?.value === before?.value, 2_000);
    await reached(registration, "registered");
  });
});
