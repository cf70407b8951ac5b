import { afterEach, beforeEach, expect, it } from "vitest";
import { Discovery } from "../../../../src/discovery.ts";
import type { LivePool } from "../../../../src/find/live/live-pool.ts";
import { type ManualClock, manualClock } from "../../../../src/testing/manual-clock.ts";
import { type MemoryStore, memoryStore } from "../../../../src/testing/memory-store.ts";
import { recordingLogger } from "../../../support/recording-logger.ts";
import { putHost, putInfo, service } from "../stage.ts";
import { ids } from "./live-stage.ts";

let clock: ManualClock;
let store: MemoryStore;
let discovery: Discovery;
let pool: LivePool;

beforeEach(async () => {
  clock = manualClock();
  store = memoryStore({ clock });
  discovery = new Discovery({ store, logger: recordingLogger() });
  putHost(store, "b", { shard: "1" });
  putHost(store, "a", { draining: true });
  pool = discovery.live(service);
  await pool.waitReady();
});

afterEach(async () => {
  await discovery.close();
});

const get = (maxStaleMs: number, name = service) => discovery.get(name, { maxStaleMs });

it("a lookup is answered by a mirror that is live, or was so lately, though etcd is away", async () => {
  store.outage(true);
  await clock.advance(10_000);
  const query = get(10_000);
  expect(ids(await query.all())).toEqual(["a", "b"]);
  expect((await query.first()).uuid).toBe("b");
  expect((await query.one()).uuid).toBe("b");
  expect(await query.one()).toBe(pool.hosts[1]);
  expect(await query.url("http", "/x")).toBe("http://b.internal.dev:80/x");
  const onShard = discovery.get(service, { shard: "1", maxStaleMs: 10_000 });
  expect(ids(await onShard.all())).toEqual(["b"]);
  const elsewhere = discovery.get(service, { shard: "2", maxStaleMs: 10_000 });
  await expect(elsewhere.one()).rejects.toMatchObject({ code: "NO_HOST_FOUND_ON_SHARD" });
  await expect(get(9_999).all()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await expect(discovery.get(service).all()).rejects.toMatchObject({ code: "UNAVAILABLE" });
});

it("in the order in which etcd would list them", async () => {
  putHost(store, "0");
  await clock.advance(0);
  expect(ids(pool.hosts)).toEqual(["a", "b", "0"]);
  expect(ids(await get(0).all())).toEqual(["0", "a", "b"]);
  expect((await get(0).first()).uuid).toBe("0");
});

it("its info is known, too", async () => {
  putInfo(store, "public-domain.dev");
  await clock.advance(0);
  store.outage(true);
  await clock.advance(0);
  expect(await get(1_000).service()).toMatchObject({ hostname: "public-domain.dev", public: true });
  expect(await get(1_000).url()).toBe("http://u:p@public-domain.dev:80");
});

it("an info that cannot be read is not taken for none", async () => {
  store.put(service, { kind: "info" }, "no JSON");
  await clock.advance(0);
  await expect(discovery.get(service).service()).rejects.toMatchObject({
    code: "MALFORMED_RECORD",
  });
  await expect(get(1_000).service()).rejects.toMatchObject({ code: "MALFORMED_RECORD" });
  // Of one that could be read before, that is known.
  putInfo(store, "public-domain.dev");
  await clock.advance(0);
  store.put(service, { kind: "info" }, "no JSON");
  await clock.advance(0);
  expect(await get(1_000).service()).toMatchObject({ hostname: "public-domain.dev" });
});

it("what is not followed, or not there, is asked of etcd", async () => {
  store.put("other", { kind: "host", id: "o" }, JSON.stringify({ name: "o.dev", ports: {} }));
  expect(ids(await get(0, "other").all())).toEqual(["o"]);
  await expect(get(0, "none").all()).rejects.toMatchObject({ code: "SERVICE_NOT_FOUND" });
  store.outage(true);
  await expect(get(1_000, "other").all()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await pool.close();
  await expect(get(1_000).all()).rejects.toMatchObject({ code: "UNAVAILABLE" });
});

it("an abort, a closed discovery and a wrong option are what they always are", async () => {
  const signal = AbortSignal.abort("gone");
  await expect(discovery.get(service, { maxStaleMs: 1, signal }).all()).rejects.toBe("gone");
  expect(() => get(-1)).toThrow(/^maxStaleMs: must be a number of milliseconds/);
  await discovery.close();
  await expect(get(1_000).all()).rejects.toMatchObject({ code: "CLOSED" });
});

it("whoever is given a host cannot change what others are given", async () => {
  const hosts = await get(0).all();
  hosts.length = 0;
  expect(await get(0).all()).toHaveLength(2);
});
