import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLogger } from "../../../src/logger.ts";
import { Etcd3Store } from "../../../src/store/etcd3/etcd3-store.ts";
import { Event_EventType, KeyValue } from "../../../src/store/etcd3/gen/etcd.ts";
import { GrpcError, GrpcStatus } from "../../../src/store/etcd3/grpc-error.ts";
import { type ManualClock, manualClock } from "../../../src/testing/index.ts";
import type { WatchRecorder } from "../../../src/testing/store-contract/watch-recorder.ts";
import { bytes, follow } from "../../support/etcd3.ts";
import { eventually } from "../../support/eventually.ts";
import { ScriptedChannel, type ScriptedStream } from "../../support/scripted-channel.ts";

interface CreateRequest {
  readonly key: Uint8Array;
  readonly startRevision: bigint;
  readonly watchId: bigint;
}

let clock: ManualClock;

/** Time that has passed without any timer being called. */
let stoodStillMs: number;
let channels: ScriptedChannel[];
let store: Etcd3Store;

beforeEach(() => {
  clock = manualClock();
  stoodStillMs = 0;
  channels = [];
  store = new Etcd3Store({
    addresses: ["first", "second"],
    connect() {
      const channel = new ScriptedChannel();
      channel.answer = (_method, request) => history(request as { revision?: bigint });
      channels.push(channel);
      return channel;
    },
    prefix: "",
    clock: {
      now: () => clock.now() + stoodStillMs,
      setTimeout: (callback, delayMs) => clock.setTimeout(callback, delayMs),
    },
    logger: silentLogger,
    random: () => 0,
  });
});

afterEach(async () => {
  await store.close();
  expect(clock.timers).toBe(0);
});

const header = (revision: number, clusterId = 7n): object => ({
  clusterId,
  revision: BigInt(revision),
});

/** How far etcd has come. */
let head = 5_000;

/** Answers a reading like an etcd whose records were all created at revision 1 and written at each since. */
function history({ revision }: { readonly revision?: bigint }): object {
  const record = KeyValue.encode({
    key: new Uint8Array(0),
    value: new Uint8Array(0),
    createRevision: 1n,
    modRevision: revision ?? BigInt(head),
    version: 1n,
    lease: 7n,
  });
  return { header: header(head), kvs: [record.finish()] };
}

/** Lets the store read something by which it knows this etcd, when that has come so far. */
async function knowAt(revision: number): Promise<void> {
  head = revision;
  await store.read("demo", { info: false, hosts: "all" }, { timeoutMs: 1_000 });
  head = 5_000;
}

const put = (revision: number, id = "a"): object => ({
  type: Event_EventType.PUT,
  kv: {
    key: bytes(`/services/demo/${id}`),
    value: bytes(String(revision)),
    modRevision: BigInt(revision),
    createRevision: 1n,
    lease: 7n,
  },
});

const puts = (from: number, to: number): object[] =>
  Array.from({ length: to - from + 1 }, (_, index) => put(from + index));

const told = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `put a=${from + index}`);

function creates(stream: ScriptedStream): CreateRequest[] {
  return stream.requests.flatMap((request) => {
    const { createRequest } = request as { createRequest?: CreateRequest };
    return createRequest === undefined ? [] : [createRequest];
  });
}

const kinds = (stream: ScriptedStream): string[] =>
  stream.requests.flatMap((request) => Object.keys(request as object));

/** Waits for the n-th stream there ever was, and for its create requests. */
async function stream(index: number, watches = 1): Promise<ScriptedStream> {
  return eventually(async () => {
    await clock.advance(1);
    const found = channels.flatMap((channel) => channel.streams);
    const latest = found.find(({ cancelled }) => !cancelled);
    return found.length === index + 1 && latest !== undefined && creates(latest).length === watches
      ? latest
      : false;
  });
}

function watchHost(from: number, host = "a"): WatchRecorder {
  return follow(store, { service: "demo", part: { host }, from });
}

const accept = (on: ScriptedStream, revision: number): void => {
  for (const { watchId } of creates(on))
    on.send({ header: header(revision), watchId, created: true });
};

test("a reset before the past was told loses nothing of it", async () => {
  await knowAt(49);
  const watch = watchHost(50);
  const first = await stream(0);
  accept(first, 100);
  first.end();
  const second = await stream(1);
  // And the one before, so that etcd refuses should it have compacted at 50.
  expect(creates(second)[0]?.startRevision).toBe(49n);
  accept(second, 100);
  second.send({ header: header(100), watchId: creates(second)[0]?.watchId, events: puts(49, 100) });
  expect(watch.changes).toEqual(told(50, 100));
  expect([watch.timesEstablished, watch.timesInterrupted]).toEqual([2, 1]);
});

test("goes on from the last revision that was told, whatever headers and progress answers say", async () => {
  const watch = watchHost(1);
  const first = await stream(0);
  const [request] = creates(first);
  accept(first, 3_000);
  first.send({ header: header(3_000), watchId: request?.watchId, events: puts(1, 1_000) });
  first.send({ header: header(3_000), watchId: -1n });
  first.end();
  const second = await stream(1);
  expect(creates(second)[0]?.startRevision).toBe(1_000n);
  accept(second, 3_000);
  second.send({ header: header(3_000), watchId: request?.watchId, events: puts(1_000, 3_000) });
  expect(watch.changes).toEqual(told(1, 3_000));
});

test("tells what comes in fragments as one, and again from the start if they do not all come", async () => {
  await knowAt(4);
  const watch = watchHost(5);
  const first = await stream(0);
  const watchId = creates(first)[0]?.watchId;
  accept(first, 9);
  first.send({ header: header(9), watchId, fragment: true, events: [put(5)] });
  expect(watch.changes).toEqual([]);
  first.end();
  const second = await stream(1);
  expect(creates(second)[0]?.startRevision).toBe(4n);
  accept(second, 9);
  second.send({ header: header(9), watchId, fragment: true, events: [put(5)] });
  second.send({ header: header(9), watchId, fragment: true, events: [put(6)] });
  second.send({ header: header(9), watchId, events: [put(7)] });
  expect(watch.changes).toEqual(told(5, 7));
});

test("a watch that has nothing to catch up with begins with what comes next", async () => {
  for (const channel of channels) channel.answer = () => ({ header: header(100) });
  await store.read("demo", { info: true, hosts: [] }, { timeoutMs: 1_000 });
  watchHost(101);
  const first = await stream(0);
  expect(creates(first)[0]?.startRevision).toBe(101n);
});

test("a watch ends when etcd was away and nothing tells whether it is still the same", async () => {
  const watch = watchHost(1);
  const first = await stream(0);
  accept(first, 1);
  first.end();
  await eventually(async () => {
    await clock.advance(1);
    expect(watch.end).toBe("replaced");
  });
});

test("a watch ends when what was known is forgotten, and is not what there is now", async () => {
  await knowAt(10);
  const watches = [watchHost(11), watchHost(11, "b")];
  const first = await stream(0, 2);
  accept(first, 10);
  let version = 10n;
  for (const channel of channels) {
    channel.answer = (_method, request) => {
      const { revision = 0n } = request as { revision?: bigint };
      if (revision === 0n) return history({ revision: version });
      throw new GrpcError(
        GrpcStatus.OUT_OF_RANGE,
        "etcdserver: mvcc: required revision has been compacted",
      );
    };
  }
  first.end();
  const second = await stream(1, 2);
  accept(second, 5_000);
  expect(watches.map(({ end }) => end)).toEqual([undefined, undefined]);
  version = 4_000n;
  second.end();
  await eventually(async () => {
    await clock.advance(1);
    expect(watches.map(({ end }) => end)).toEqual(["replaced", "replaced"]);
  });
});

test("ignores events that were told before", async () => {
  const watch = watchHost(1);
  const first = await stream(0);
  const watchId = creates(first)[0]?.watchId;
  accept(first, 1);
  first.send({ header: header(3), watchId, events: puts(2, 3) });
  first.send({ header: header(4), watchId, events: [...puts(2, 3), put(4)] });
  first.send({ header: header(4), watchId, events: [put(1)] });
  expect(watch.changes).toEqual(told(2, 4));
});

test("a watch that is refused without its name does not stall or end the others", async () => {
  const watches = ["a", "b", "c"].map((host) => watchHost(1, host));
  const first = await stream(0, 3);
  const ids = creates(first).map(({ watchId }) => watchId);
  for (const channel of channels) {
    channel.answer = () => {
      throw new GrpcError(GrpcStatus.PERMISSION_DENIED, "etcdserver: permission denied");
    };
  }
  first.send({ header: header(1), watchId: ids[0], created: true });
  first.send({
    header: header(1),
    watchId: -1n,
    created: true,
    canceled: true,
    cancelReason: "no",
  });
  first.send({ header: header(1), watchId: ids[2], created: true });
  await eventually(() => expect(watches[1]?.end).toBe("refused"));
  expect(watches.map(({ timesEstablished }) => timesEstablished)).toEqual([1, 0, 1]);
  expect(watches.map(({ end }) => end)).toEqual([undefined, "refused", undefined]);
});

test("one word of compaction ends all that have to catch up with what is gone, and no other", async () => {
  const from = {
    gone: 3,
    "gone, and not told": 4,
    "at the edge": 8,
    "just there": 9,
    "nothing missed": 11,
  };
  const watches = Object.entries(from).map(([host, revision]) => watchHost(revision, host));
  const caughtUp = watchHost(2, "caught up since");
  const first = await stream(0, 6);
  const ids = creates(first).map(({ watchId }) => watchId);
  accept(first, 10);
  first.send({ header: header(10), watchId: ids[5], events: puts(9, 9) });
  first.send({ header: header(20), watchId: ids[0], canceled: true, compactRevision: 8n });
  const [gone, notTold, atTheEdge, ...others] = watches.map(({ end }) => end);
  expect([gone, notTold, atTheEdge]).toEqual(["compacted", "compacted", "compacted"]);
  expect([...others, caughtUp.end]).toEqual([undefined, undefined, undefined]);
  // etcd would keep them otherwise, for as long as the stream lives.
  const cancelled = first.requests.flatMap((request) => {
    const { cancelRequest } = request as { cancelRequest?: { watchId: bigint } };
    return cancelRequest === undefined ? [] : [cancelRequest.watchId];
  });
  expect(cancelled).toEqual(ids.slice(0, 3));
});

test("one word of compaction ends none that has caught up long ago, though nothing was told of it", async () => {
  const old = watchHost(3);
  const first = await stream(0);
  accept(first, 10);
  // What happens to others.
  for (let messages = 0; messages < 11; messages += 1) {
    first.send({ header: header(10), watchId: -1n });
    await clock.advance(3_000);
  }
  const young = watchHost(3, "b");
  const gone = watchHost(4, "c");
  const ids = creates(first).map(({ watchId }) => watchId);
  for (const watchId of ids.slice(1)) {
    first.send({ header: header(10), watchId, created: true });
  }
  first.send({ header: header(20), watchId: ids[2], canceled: true, compactRevision: 8n });
  expect([old, young, gone].map(({ end }) => end)).toEqual([undefined, "compacted", "compacted"]);
});

test("time in which nothing comes is none to catch up in", async () => {
  const watches = [watchHost(3), watchHost(3, "b")];
  const first = await stream(0, 2);
  const ids = creates(first).map(({ watchId }) => watchId);
  accept(first, 10);
  stoodStillMs = 60_000;
  first.send({ header: header(10), watchId: -1n });
  first.send({ header: header(20), watchId: ids[0], canceled: true, compactRevision: 8n });
  expect(watches.map(({ end }) => end)).toEqual(["compacted", "compacted"]);
});

test("a silent stream is asked for a sign of life, and left when none comes", async () => {
  await knowAt(1);
  const watch = watchHost(2);
  const first = await stream(0);
  accept(first, 1);
  await clock.advance(3_100);
  await eventually(() => expect(kinds(first)).toEqual(["createRequest", "progressRequest"]));
  first.send({ header: header(1), watchId: -1n });
  await clock.advance(3_100);
  await eventually(() => expect(kinds(first).slice(2)).toEqual(["progressRequest"]));
  expect(watch.timesInterrupted).toBe(0);
  await clock.advance(3_100);
  const second = await stream(1);
  expect(first.cancelled).toBe(true);
  expect(watch.timesInterrupted).toBe(1);
  // Another member.
  expect(channels.map(({ streams }) => streams.length)).toEqual([1, 1]);
  accept(second, 1);
  expect(watch.timesEstablished).toBe(2);
});

test("a member that lags is no other history; an older answer that all agree upon is", async () => {
  let revision = 100;
  for (const channel of channels) channel.answer = () => ({ header: header(revision) });
  await store.read("demo", { info: true, hosts: [] }, { timeoutMs: 1_000 });
  const watch = watchHost(101);
  const first = await stream(0);
  accept(first, 90);
  expect([watch.timesEstablished, watch.end]).toEqual([1, undefined]);
  await new Promise((resolve) => void setImmediate(resolve));
  expect(watch.end).toBe(undefined);
  first.end();
  revision = 20;
  await eventually(async () => {
    await clock.advance(1);
    expect(watch.end).toBe("replaced");
  });
});

test("another cluster behind the same address is noticed from whatever it says", async () => {
  const watch = watchHost(1);
  const first = await stream(0);
  accept(first, 1);
  first.send({ header: header(50, 8n), watchId: -1n });
  const other = watchHost(1, "b");
  first.send({
    header: header(50, 8n),
    watchId: creates(first)[0]?.watchId,
    events: [put(50)],
  });
  expect(watch.end).toBe("replaced");
  other.close();
});
