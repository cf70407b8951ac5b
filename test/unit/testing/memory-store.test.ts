import { beforeEach, expect, it } from "vitest";

import type { Session, WatchObserver } from "../../../src/store/store.ts";
import { type ManualClock, manualClock } from "../../../src/testing/manual-clock.ts";
import {
  type MemoryStore,
  type MemoryStoreClient,
  memoryStore,
} from "../../../src/testing/memory-store.ts";

const service = "demo";
const options = { timeoutMs: 1_000 };
const decoder = new TextDecoder();

let clock: ManualClock;
let store: MemoryStore;

beforeEach(() => {
  clock = manualClock();
  store = memoryStore({ clock });
});

async function hosts(): Promise<string[]> {
  const listing = await store.connect().read(service, { info: false, hosts: "all" }, options);
  return listing.hosts.map(({ id, value }) => `${id}=${decoder.decode(value)}`);
}

async function putUnder(session: Session, client: MemoryStoreClient, id: string): Promise<void> {
  const value = new TextEncoder().encode("1");
  const changes = [{ kind: "put-host", id, value, session }] as const;
  await client.write({ service, conditions: [], changes }, options);
}

function observer(log: string[]): WatchObserver {
  return {
    established: () => log.push("established"),
    changed: ({ changes }) => log.push(...changes.map(({ kind }) => kind)),
    interrupted: () => log.push("interrupted"),
    ended: (reason) => log.push(reason),
  };
}

it("writes and deletes by hand, without a session", async () => {
  const session = await store.openSession({ ...options, ttlSeconds: 5 });
  await putUnder(session, store, "a");
  store.put(service, { kind: "host", id: "a" }, "by hand");
  store.put(service, { kind: "host", id: "b" }, Uint8Array.from([0x62]));
  await session.close(options);
  expect(await hosts()).toEqual(["a=by hand", "b=b"]);
  store.delete(service, { kind: "host", id: "a" });
  store.delete(service, { kind: "host", id: "none" });
  expect(await hosts()).toEqual(["b=b"]);
});

it("a killed client's calls fail, its watches are silent, its records go with their time", async () => {
  const client = store.connect();
  const log: string[] = [];
  client.watch({ service, part: "all", from: 1 }, observer(log));
  const session = await client.openSession({ ...options, ttlSeconds: 5 });
  await putUnder(session, client, "a");
  client.kill();
  log.length = 0;
  const read = client.read(service, { info: true, hosts: "all" }, options);
  await expect(read).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await clock.advance(4_999);
  expect(await hosts()).toEqual(["a=1"]);
  await clock.advance(1);
  expect(await hosts()).toEqual([]);
  store.outage(true);
  store.outage(false);
  await client.close();
  await clock.advance(0);
  expect([log, store.sessions, clock.timers]).toEqual([[], 0, 0]);
});

it("a killed client's calls under way fail too", async () => {
  const client = store.connect();
  const read = client.read(service, { info: true, hosts: "all" }, options);
  client.kill();
  await expect(read).rejects.toMatchObject({ code: "UNAVAILABLE" });
});

it("a silent store answers nothing until it is back; then what still waits is carried out in order", async () => {
  store.outage("silent");
  const impatient = store.read(service, { info: true, hosts: "all" }, { timeoutMs: 100 });
  const outcome = Promise.allSettled([impatient]);
  await clock.advance(100);
  expect(await outcome).toMatchObject([{ reason: { code: "TIMEOUT" } }]);
  const log: string[] = [];
  store.watch({ service, part: "info", from: 1 }, observer(log));
  const results = ["1", "2"].map((value) => {
    const changes = [{ kind: "put-info", value: new TextEncoder().encode(value) }] as const;
    return store.write({ service, conditions: [], changes }, { timeoutMs: 1_000 });
  });
  await clock.advance(999);
  store.outage(false);
  await Promise.all(results);
  await clock.advance(0);
  const { info } = await store.read(service, { info: true, hosts: [] }, options);
  expect(decoder.decode(info?.value)).toBe("2");
  expect(log).toEqual(["interrupted", "established", "put", "put"]);
  expect(clock.timers).toBe(0);
});

it("a call to a silent store ends by its signal and by close()", async () => {
  store.outage("silent");
  const controller = new AbortController();
  const reason = new Error("changed my mind");
  const selection = { info: true, hosts: "all" } as const;
  const aborted = store.read(service, selection, { ...options, signal: controller.signal });
  const closed = store.read(service, selection, options);
  const outcomes = Promise.allSettled([aborted, closed]);
  await clock.advance(0);
  controller.abort(reason);
  await store.close();
  expect(await outcomes).toMatchObject([{ reason }, { reason: { code: "CLOSED" } }]);
  expect(clock.timers).toBe(0);
});

it("a session that ran out in an outage is followed by its records its time after the outage", async () => {
  const session = await store.openSession({ ...options, ttlSeconds: 5 });
  await putUnder(session, store, "a");
  store.outage(true);
  await clock.advance(5_000);
  expect(session.ended.reason).toMatchObject({ code: "UNAVAILABLE" });
  await clock.advance(60_000);
  store.outage(false);
  await clock.advance(4_999);
  expect(await hosts()).toEqual(["a=1"]);
  await clock.advance(1);
  expect(await hosts()).toEqual([]);
});

it("a session that was revoked in an outage says so when the store is back", async () => {
  const session = await store.openSession({ ...options, ttlSeconds: 5 });
  store.outage(true);
  store.revokeSessions();
  store.outage(false);
  expect(session.ended.aborted).toBe(true);
});

it("a watch that is open misses nothing by a compaction, one that was interrupted does", async () => {
  const log: string[] = [];
  store.watch({ service, part: "all", from: 1 }, observer(log));
  await clock.advance(0);
  store.put(service, { kind: "info" }, "1");
  store.compact();
  await clock.advance(0);
  expect(log.splice(0)).toEqual(["established", "put"]);
  store.outage(true);
  await clock.advance(0);
  store.put(service, { kind: "info" }, "2");
  store.put(service, { kind: "info" }, "3");
  store.compact();
  store.outage(false);
  await clock.advance(0);
  expect(log).toEqual(["interrupted", "compacted"]);
});

it("remembers 10,000 changes of a service at least, and not for ever more", async () => {
  const put = (times: number): void => {
    for (let time = 0; time < times; time += 1) store.put(service, { kind: "info" }, "");
  };
  const follow = async (from: number): Promise<string[]> => {
    const log: string[] = [];
    store.watch({ service, part: "all", from }, observer(log));
    await clock.advance(0);
    return log;
  };
  put(10_000);
  expect(await follow(2)).toHaveLength(10_001);
  put(10_000);
  expect(await follow(2)).toEqual(["compacted"]);
  expect(await follow(10_002)).toHaveLength(10_001);
});

it("logs what an observer throws", async () => {
  const errors: unknown[] = [];
  const silent = () => {};
  const error = (message: string, fields: unknown) => errors.push([message, fields]);
  const logging = memoryStore({
    clock,
    logger: { debug: silent, info: silent, warn: silent, error },
  });
  const thrown = new Error("thrown");
  const throwing = (): never => {
    throw thrown;
  };
  logging.watch({ service, part: "all", from: 1 }, { ...observer([]), established: throwing });
  await clock.advance(0);
  expect(errors).toEqual([["a watch observer threw", { service, error: thrown }]]);
});
