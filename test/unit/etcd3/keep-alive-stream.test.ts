import { afterEach, beforeEach, expect, test } from "vitest";
import { isDiscoveryError } from "../../../src/errors.ts";
import { silentLogger } from "../../../src/logger.ts";
import { Etcd3Store } from "../../../src/store/etcd3/etcd3-store.ts";
import { GrpcError, GrpcStatus } from "../../../src/store/etcd3/grpc-error.ts";
import type { Session } from "../../../src/store/store.ts";
import { type ManualClock, manualClock } from "../../../src/testing/index.ts";
import { eventually } from "../../support/eventually.ts";
import { ScriptedChannel, type ScriptedStream } from "../../support/scripted-channel.ts";

const ttlSeconds = 6;

let clock: ManualClock;

/** Time that has passed without any timer being called. */
let stoodStillMs: number;
let channels: ScriptedChannel[];
let calls: { method: string; request: unknown }[];

/** Streams that the test has ended. */
let over: Set<ScriptedStream>;
let store: Etcd3Store;

beforeEach(() => {
  clock = manualClock();
  stoodStillMs = 0;
  channels = [];
  calls = [];
  over = new Set();
  store = storeAt(["first", "second"]);
});

function storeAt(addresses: readonly string[]): Etcd3Store {
  let chosen = 0;
  return new Etcd3Store({
    addresses,
    connect() {
      const channel = new ScriptedChannel();
      channel.answer = (method, request) => {
        calls.push({ method, request });
        return { TTL: BigInt(ttlSeconds) };
      };
      channels.push(channel);
      return channel;
    },
    prefix: "",
    clock: {
      now: () => clock.now() + stoodStillMs,
      setTimeout: (callback, delayMs) => clock.setTimeout(callback, delayMs),
    },
    logger: silentLogger,
    // The first choice is between endpoints, the others are of times.
    random: () => (chosen++ === 0 ? 0 : 0.5),
  });
}

afterEach(async () => {
  await store.close();
  expect(clock.timers).toBe(0);
});

const open = (signal?: AbortSignal): Promise<Session> =>
  store.openSession({ ttlSeconds: 5, timeoutMs: 1_000, signal });

const methods = (): string[] => calls.map(({ method }) => method);

const streams = (): ScriptedStream[] => channels.flatMap((channel) => channel.streams);

function lease(): bigint | undefined {
  const request = calls[0]?.request as { ID: bigint } | undefined;
  return request?.ID;
}

function answer(stream: ScriptedStream | undefined, ttl = ttlSeconds): void {
  stream?.send({ ID: lease(), TTL: BigInt(ttl) });
}

test("asks every sixth of the time that etcd granted, and lives for that time from when it asked", async () => {
  const session = await open();
  expect([session.ttlSeconds, session.remainingMs]).toEqual([6, 6_000]);
  await clock.advance(1_000);
  const [stream] = streams();
  expect(stream?.requests).toEqual([{ ID: lease() }]);
  expect(session.remainingMs).toBe(5_000);
  await clock.advance(500);
  answer(stream);
  expect(session.remainingMs).toBe(5_500);
  await clock.advance(500);
  expect(stream?.requests).toHaveLength(2);
  expect(streams()).toHaveLength(1);
});

test("without an answer within a sixth it asks the next endpoint for the same lease, with two thirds of the time left", async () => {
  const session = await open();
  await clock.advance(2_000);
  const [first, second] = streams();
  expect(first?.cancelled).toBe(true);
  expect(channels.map((channel) => channel.streams.length)).toEqual([1, 1]);
  expect(second?.requests).toEqual([{ ID: lease() }]);
  expect(session.remainingMs).toBe(4_000);
  answer(first);
  expect(session.remainingMs).toBe(4_000);
  answer(second);
  expect(session.remainingMs).toBe(6_000);
  expect(session.ended.aborted).toBe(false);
});

test("an answer is waited for from when there is a connection, which far away takes its time, too", async () => {
  const session = await open();
  await clock.advance(1_900);
  const [stream] = streams();
  stream?.open();
  await clock.advance(900);
  expect(streams()).toHaveLength(1);
  answer(stream);
  expect(session.remainingMs).toBe(4_200);
  expect(stream?.requests).toHaveLength(2);
  answer(stream);
  await clock.advance(1_000);
  stream?.open();
  await clock.advance(1_000);
  expect(stream?.cancelled).toBe(true);
  expect(streams()).toHaveLength(2);
});

test("a session that was long in coming has its full time, from when it was granted", async () => {
  for (const channel of channels) {
    const { answer: grantIt } = channel;
    channel.answer = (method, request) => {
      if (clock.now() < 8_000) throw new GrpcError(GrpcStatus.UNAVAILABLE, "refused");
      return grantIt(method, request);
    };
  }
  const opening = store.openSession({ ttlSeconds: 5, timeoutMs: 20_000 });
  await clock.advance(8_000);
  await eventually(async () => {
    await clock.advance(1);
    expect(calls).toHaveLength(1);
  });
  const session = await opening;
  expect(session.remainingMs).toBeGreaterThan(5_900);
});

test("a stream that ends does not end the session", async () => {
  const session = await open();
  await clock.advance(2_000);
  streams()[0]?.end();
  await eventually(() => expect(streams()).toHaveLength(2));
  answer(streams()[1]);
  expect([session.remainingMs, session.ended.aborted]).toEqual([6_000, false]);
});

test("etcd's word ends it, at once", async () => {
  const session = await open();
  await clock.advance(1_000);
  answer(streams()[0], 0);
  expect(session.remainingMs).toBe(0);
  expect(isDiscoveryError(session.ended.reason, "UNAVAILABLE")).toBe(true);
  await session.close({ timeoutMs: 1_000 });
  expect(methods()).toEqual(["LeaseGrant"]);
});

test("its time ends it when nobody answers", async () => {
  const session = await open();
  await clock.advance(5_990);
  expect(session.ended.aborted).toBe(false);
  await clock.advance(20);
  expect(isDiscoveryError(session.ended.reason, "UNAVAILABLE")).toBe(true);
});

const noLeader = (): GrpcError =>
  new GrpcError(GrpcStatus.UNAVAILABLE, "etcdserver: no leader", { answered: true });

/** The stream that is open now. */
async function current(): Promise<ScriptedStream> {
  return eventually(async () => {
    await clock.advance(10);
    const open = streams().filter((stream) => !stream.cancelled && !over.has(stream));
    expect(open).toHaveLength(1);
    return open[0] as ScriptedStream;
  });
}

async function knowsNoLeader(): Promise<void> {
  const stream = await current();
  over.add(stream);
  stream.end(noLeader());
}

test.each([2, 3, 4, 5])(
  "while most of %d endpoints say that there is no leader, nobody can end the lease",
  async (count) => {
    await store.close();
    store = storeAt(Array.from({ length: count }, (_, index) => `etcd-${index}`));
    const session = await open();
    await clock.advance(1_000);
    for (let words = 0; words < Math.floor(count / 2); words += 1) await knowsNoLeader();
    expect(session.remainingMs).toBeLessThan(5_000);
    await knowsNoLeader();
    expect(session.remainingMs).toBeGreaterThan(5_900);
    answer(await current());
  },
);

test("of one endpoint that is not believed: others may have a leader", async () => {
  await store.close();
  store = storeAt(["only", "only"]);
  const session = await open();
  await clock.advance(1_000);
  for (let words = 0; words < 3; words += 1) await knowsNoLeader();
  expect(session.remainingMs).toBeLessThan(5_000);
  answer(await current());
});

test("that one endpoint says so is not enough, nor that they said it at different times", async () => {
  const session = await open();
  await clock.advance(1_000);
  await knowsNoLeader();
  await current();
  await clock.advance(2_000);
  expect(channels.map(({ streams: all }) => all.length)).toEqual([2, 2]);
  await knowsNoLeader();
  expect(session.remainingMs).toBeLessThan(3_000);
  answer(await current());
});

test("what endpoints say of their leader keeps a lease for its time once more, and no longer", async () => {
  const session = await open();
  await clock.advance(1_000);
  await knowsNoLeader();
  while (session.remainingMs > 1_000) await knowsNoLeader();
  expect(clock.now()).toBeGreaterThan(10_950);
  await clock.advance(1_000);
  expect(session.ended.aborted).toBe(true);
});

test("an answer that came while the process stood still counts", async () => {
  const session = await open();
  await clock.advance(1_000);
  const [stream] = streams();
  // Timers come first after a standstill, then what lies in the sockets.
  const late = clock.advance(1_000);
  setImmediate(() => setImmediate(() => answer(stream)));
  await late;
  expect([stream?.cancelled, session.ended.aborted]).toEqual([false, false]);
});

test("an answer that was read late is followed by the next question at once, before any timer", async () => {
  const session = await open();
  await clock.advance(1_000);
  const [stream] = streams();
  for (const asked of [2, 3, 4]) {
    stoodStillMs += 1_500;
    answer(stream);
    expect([session.remainingMs, stream?.requests.length]).toEqual([4_500, asked]);
  }
  stoodStillMs += 900;
  answer(stream);
  expect([session.remainingMs, stream?.requests.length]).toEqual([5_100, 4]);
  await clock.advance(100);
  expect(stream?.requests).toHaveLength(5);
});

test("whose time ran out while the process stood still has none left, also before anybody has a turn", async () => {
  const session = await open();
  stoodStillMs = 12_000;
  expect([session.remainingMs, session.ended.aborted]).toEqual([0, false]);
  await clock.advance(6_000);
  expect(isDiscoveryError(session.ended.reason, "UNAVAILABLE")).toBe(true);
  expect(String(session.ended.reason)).toMatch(/run out 12000 ms before this process got to look/);
});

test("closing gives the lease back, once", async () => {
  const session = await open();
  await Promise.all([session.close({ timeoutMs: 1_000 }), session.close({ timeoutMs: 1_000 })]);
  await session.close({ timeoutMs: 1_000 });
  expect(calls).toMatchObject([
    { method: "LeaseGrant" },
    { method: "LeaseRevoke", request: { ID: lease() } },
  ]);
  expect(isDiscoveryError(session.ended.reason, "CLOSED")).toBe(true);
  await clock.advance(10_000);
  expect(streams()).toEqual([]);
});

test("a lease that is granted after an abort or a close is given back", async () => {
  const controller = new AbortController();
  const reason = new Error("not any more");
  const opening = open(controller.signal);
  controller.abort(reason);
  await expect(opening).rejects.toBe(reason);
  await eventually(() => expect(methods()).toEqual(["LeaseGrant", "LeaseRevoke"]));

  const late = open();
  const closed = store.close();
  await expect(late).rejects.toMatchObject({ code: "CLOSED" });
  await closed;
  expect(methods().slice(2)).toEqual(["LeaseGrant", "LeaseRevoke"]);
});

test("a grant whose first attempt got through without an answer is found again", async () => {
  let attempts = 0;
  for (const channel of channels) {
    channel.answer = (method, request) => {
      calls.push({ method, request });
      attempts += 1;
      if (attempts === 1) throw new GrpcError(GrpcStatus.UNAVAILABLE, "reset");
      if (attempts === 2)
        throw new GrpcError(GrpcStatus.FAILED_PRECONDITION, "lease already exists");
      return { grantedTTL: 7n, TTL: 6n };
    };
  }
  const session = await open();
  expect([session.ttlSeconds, session.remainingMs]).toEqual([7, 6_000]);
  expect(methods()).toEqual(["LeaseGrant", "LeaseGrant", "LeaseTimeToLive"]);
  expect(new Set(calls.map(({ request }) => (request as { ID: bigint }).ID)).size).toBe(1);
});
