import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Discovery, DiscoveryError, type Health } from "../../src/index.ts";
import {
  type ManualClock,
  manualClock,
  type MemoryStore,
  memoryStore,
} from "../../src/testing/index.ts";
import { hostValue, infoValue } from "../support/host-value.ts";
import { type FaultyStore, faultyStore } from "./find/faulty-store.ts";

let clock: ManualClock;
let store: MemoryStore;
let faulty: FaultyStore;
let discovery: Discovery;

beforeEach(() => {
  clock = manualClock();
  store = memoryStore({ clock });
  faulty = faultyStore(store.connect());
  discovery = new Discovery({ store: faulty.store, ttlSeconds: 5 });
});

afterEach(async () => {
  store.outage(false);
  await discovery.close();
  // The store forgets a session that was lost when its time is over.
  await clock.advance(5_000);
  expect(clock.timers).toBe(0);
});

const host = {
  hostname: "public-domain.dev",
  ports: { http: 80 },
  public: true,
  user: "admin",
  password: "secret",
};

const away = { code: "UNAVAILABLE", message: expect.any(String) as string };

it("of a discovery that was not used yet shows nothing, and asks nobody", () => {
  expect(discovery.health()).toEqual({
    etcd: {
      ...{ api: undefined, endpoint: undefined, lastAnswerMs: undefined },
      ...{ revision: 0, lastError: undefined },
    },
    lease: undefined,
    registrations: [],
    services: [],
    pools: [],
    totals: { resyncs: { compacted: 0, replaced: 0, refused: 0, drift: 0 }, driftRepaired: 0 },
    stalls: expect.any(Number) as number,
  });
  expect(faulty.reads()).toBe(0);
});

it("shows what is registered and followed, and what it lives by", async () => {
  const registration = discovery.register("api", host);
  const changes = discovery.changes("api");
  expect(discovery.health()).toMatchObject({
    lease: undefined,
    registrations: [{ service: "api", uuid: registration.uuid, state: "registering" }],
    services: [{ service: "api", source: "stale", revision: 0, hosts: 0 }],
  });
  await clock.advance(1_000);
  await changes.next();
  const { revision } = await store.read("api", { info: true, hosts: "all" }, { timeoutMs: 1 });
  expect(discovery.health()).toEqual<Health>({
    etcd: { api: undefined, endpoint: "memory", lastAnswerMs: 0, revision, lastError: undefined },
    lease: { ttlSeconds: 5, remainingMs: 5_000, ageMs: 1_000 },
    registrations: [
      {
        service: "api",
        uuid: registration.uuid,
        state: "registered",
        driftRepaired: 0,
        lastError: undefined,
      },
    ],
    services: [
      {
        service: "api",
        source: "live",
        revision,
        ageMs: 0,
        hosts: 1,
        resyncs: 0,
        driftRepaired: 0,
        lastError: undefined,
      },
    ],
    pools: [],
    totals: { resyncs: { compacted: 0, replaced: 0, refused: 0, drift: 0 }, driftRepaired: 0 },
    stalls: expect.any(Number) as number,
  });
});

it("shows what is wrong while the store is away, for how long, and nothing of it afterwards", async () => {
  discovery.register("api", host);
  discovery.changes("api");
  await clock.advance(1_000);
  discovery.health();
  store.outage(true);
  await clock.advance(3_000);
  expect(discovery.health()).toMatchObject({
    etcd: { endpoint: undefined, lastAnswerMs: 3_000, lastError: away },
    lease: { remainingMs: 2_000 },
    registrations: [{ state: "registered", lastError: undefined }],
    services: [{ source: "stale", ageMs: 3_000, hosts: 1, lastError: away }],
  });
  await clock.advance(4_000);
  expect(discovery.health()).toMatchObject({
    lease: undefined,
    registrations: [{ state: "lost", lastError: away }],
    services: [{ source: "stale", ageMs: 7_000, hosts: 1, lastError: away }],
  });
  store.outage(false);
  await clock.advance(2_000);
  expect(discovery.health()).toMatchObject({
    etcd: { endpoint: "memory", lastAnswerMs: 0, lastError: undefined },
    lease: { remainingMs: 5_000 },
    registrations: [{ state: "registered", lastError: undefined }],
    services: [{ source: "live", ageMs: 0, lastError: undefined }],
  });
});

it("counts how often a service was listed again, and what the comparison repaired", async () => {
  const subscription = discovery.subscribe("api");
  await clock.advance(0);
  store.outage(true);
  await clock.advance(0);
  for (const password of ["first", "second"]) {
    store.put("api", { kind: "info" }, infoValue("api", password));
  }
  store.compact();
  store.outage(false);
  await clock.advance(1_000);
  expect(discovery.health()).toMatchObject({
    services: [{ resyncs: 1, driftRepaired: 0 }],
    totals: { resyncs: { compacted: 1, drift: 0 }, driftRepaired: 0 },
  });
  faulty.tamper = () => [];
  store.put("api", { kind: "info" }, infoValue("api", "third"));
  await clock.advance(1_000);
  faulty.tamper = undefined;
  await clock.advance(400_000);
  expect(discovery.health().services).toMatchObject([{ resyncs: 2, driftRepaired: 1 }]);
  await subscription.return?.();
  expect(discovery.health()).toMatchObject({
    services: [],
    totals: {
      resyncs: { compacted: 1, replaced: 0, refused: 0, drift: 1 },
      driftRepaired: 1,
    },
  });
});

it("counts what live pools picked and ejected, also of those that have ended", async () => {
  const refused = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
  store.put("api", { kind: "host", id: "a" }, hostValue("api", "a"));
  store.put("api", { kind: "host", id: "b" }, hostValue("api", "b"));
  const pool = discovery.live("api");
  const other = discovery.live("api");
  discovery.live("web");
  await clock.advance(0);
  const web = { service: "web", pools: 1, ejected: 0, picks: 0, ejections: 0 };
  pool.pick();
  pool.pick();
  other.pick();
  await expect(pool.use(() => Promise.reject(refused))).rejects.toBe(refused);
  expect(() => pool.pick({ exclude: [...pool.hosts] })).toThrow(/no other host|excluded/i);
  expect(discovery.health().pools).toEqual([
    { service: "api", pools: 2, ejected: 1, picks: 4, ejections: 1 },
    web,
  ]);
  await pool.close();
  other.pick();
  expect(discovery.health().pools).toEqual([
    { service: "api", pools: 1, ejected: 0, picks: 5, ejections: 1 },
    web,
  ]);
  await other.close();
  expect(discovery.health().pools).toEqual([
    { service: "api", pools: 0, ejected: 0, picks: 5, ejections: 1 },
    web,
  ]);
});

it("shows how old the lease is, which is new again after it was lost", async () => {
  discovery.register("api", host);
  await clock.advance(60_000);
  expect(discovery.health().lease).toMatchObject({ ageMs: 60_000 });
  store.outage(true);
  await clock.advance(10_000);
  expect(discovery.health().lease).toBeUndefined();
  store.outage(false);
  await clock.advance(2_000);
  expect(discovery.health().lease?.ageMs).toBeLessThanOrEqual(2_000);
});

it("shows why a registration is refused, by code and message", async () => {
  faulty.answer = () => {
    throw new DiscoveryError("PERMISSION_DENIED", "no role reaches it", { cause: host });
  };
  discovery.register("api", { ...host, user: "", password: "" });
  discovery.subscribe("other");
  await clock.advance(500);
  const refused = { code: "PERMISSION_DENIED", message: "no role reaches it" };
  const { registrations, services } = discovery.health();
  expect(registrations.map(({ lastError }) => lastError)).toEqual([refused]);
  expect(services.map(({ lastError }) => lastError)).toEqual([refused]);
});

describe("is data", () => {
  it("that nobody can change, and that stays as it was", async () => {
    discovery.register("api", host);
    discovery.changes("api");
    await clock.advance(1_000);
    store.outage(true);
    await clock.advance(0);
    const health = discovery.health();
    const copy = structuredClone(health);
    const frozen = (part: unknown): boolean =>
      typeof part !== "object" ||
      part === null ||
      (Object.isFrozen(part) && Object.values(part).every(frozen));
    expect(frozen(health)).toBe(true);
    await clock.advance(10_000);
    expect(health).toEqual(copy);
  });

  it("that goes through JSON, without secrets", async () => {
    discovery.register("api", host);
    discovery.changes("api");
    await clock.advance(1_000);
    store.outage(true);
    await clock.advance(10_000);
    const health = discovery.health();
    const text = JSON.stringify(health);
    expect(JSON.parse(text)).toEqual(health);
    expect(text).not.toMatch(/secret|admin/);
  });
});

it("still answers after close(), and shows that nothing is left", async () => {
  discovery.register("api", host);
  discovery.changes("api");
  await clock.advance(1_000);
  const closing = discovery.close();
  expect(discovery.health().registrations).toMatchObject([{ state: "closed" }]);
  await closing;
  await clock.advance(2_000);
  expect(discovery.health()).toMatchObject({ lease: undefined, registrations: [], services: [] });
});
