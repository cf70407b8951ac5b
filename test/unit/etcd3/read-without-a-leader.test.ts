import { expect, test } from "vitest";
import { silentLogger } from "../../../src/logger.ts";
import { Etcd3Store } from "../../../src/store/etcd3/etcd3-store.ts";
import { KeyValue, type RangeRequest, type TxnRequest } from "../../../src/store/etcd3/gen/etcd.ts";
import { GrpcError, GrpcStatus } from "../../../src/store/etcd3/grpc-error.ts";
import type { User } from "../../../src/store/etcd/user.ts";
import type { Listing } from "../../../src/store/store.ts";
import { type ManualClock, manualClock } from "../../../src/testing/index.ts";
import { ScriptedChannel } from "../../support/scripted-channel.ts";

/** What a member knows by itself: its hosts, as of a revision. */
interface Known {
  readonly hosts: readonly string[];
  readonly revision: bigint;
  readonly clusterId?: bigint;
  readonly info?: boolean;

  /** It answers nothing that a client asks it. */
  readonly refuses?: boolean;
}

/** A cluster without a leader, whose members know this, each by itself. */
function leaderless(known: Known, others: readonly Known[] = [], user?: User) {
  const clock = manualClock();
  const cluster = { known, leader: false, alone: 0, doubtsTokens: false };
  const answer =
    (member: () => Known): ScriptedChannel["answer"] =>
    (method, request, metadata) => {
      const noLeader = new GrpcError(GrpcStatus.UNAVAILABLE, "etcdserver: no leader", {
        answered: true,
      });
      if (method === "Authenticate") {
        if (!cluster.leader) throw noLeader;
        return { header: { clusterId: 7n, revision: 1n, raftTerm: 2n }, token: "token" };
      }
      expect(method).toBe("Txn");
      const { success } = request as TxnRequest;
      const ranges = success.map(({ requestRange }) => requestRange as RangeRequest);
      const alone = ranges.every(({ serializable }) => serializable === true);
      if (alone) cluster.alone += 1;
      if (!cluster.leader && (!alone || metadata?.["hasleader"] !== undefined)) {
        throw cluster.doubtsTokens ? invalidToken : noLeader;
      }
      const { hosts, revision, clusterId = 7n, info = false, refuses = false } = member();
      if (refuses) throw new GrpcError(GrpcStatus.UNKNOWN, "the answer has HTTP status 500");
      if (user !== undefined && metadata?.["token"] !== "token") {
        throw invalidToken;
      }
      const responses = ranges.map(({ rangeEnd }) => ({
        responseRange: {
          kvs: (rangeEnd === undefined ? (info ? ["info"] : []) : hosts).map(record),
          more: false,
          count: 0n,
        },
      }));
      return { header: { clusterId, revision, raftTerm: 2n }, responses };
    };
  const members = [() => cluster.known, ...others.map((other) => () => other)];
  const store = new Etcd3Store({
    addresses: members.map((_, index) => String(index)),
    connect: (address) => {
      const channel = new ScriptedChannel();
      channel.answer = answer(members[Number(address)] ?? members[0] ?? (() => known));
      return channel;
    },
    prefix: "",
    clock,
    logger: silentLogger,
    user,
    // The first of the members is asked first.
    random: () => 0.01,
  });
  const read = (settleAfterMs?: number): Promise<Listing> =>
    store.read("api", { info: true, hosts: "all" }, { timeoutMs: 5_000, settleAfterMs });
  return { store, cluster, clock, read };
}

const invalidToken = new GrpcError(GrpcStatus.UNAUTHENTICATED, "etcdserver: invalid auth token");

function record(id: string): Uint8Array {
  const key = Buffer.from(`/services/api/${id}`);
  const revisions = { createRevision: 1n, modRevision: 1n, version: 1n, lease: 0n };
  return KeyValue.encode({ key, value: new Uint8Array(1), ...revisions }).finish();
}

/** Lets time pass in small steps, and reports when the promise has settled, or that it has not. */
async function settledAfter(clock: ManualClock, promise: Promise<unknown>, limitMs: number) {
  let settled = false;
  void promise.catch(() => {}).finally(() => (settled = true));
  for (let passedMs = 0; passedMs < limitMs; passedMs += 10) {
    if (settled) return passedMs;
    await clock.advance(10);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return settled ? limitMs : Infinity;
}

test("while there is no leader, what a member knows will do after the time that was given", async () => {
  const { store, clock, read } = leaderless({ hosts: ["a", "b"], revision: 9n });
  const reading = read(1_000);
  const afterMs = await settledAfter(clock, reading, 5_000);
  expect(afterMs).toBeGreaterThanOrEqual(1_000);
  expect(afterMs).toBeLessThan(2_500);
  expect((await reading).hosts.map(({ id }) => id)).toEqual(["a", "b"]);
  await store.close();
});

test("where nobody said that it would do, a member's own knowledge is not asked for", async () => {
  const { store, cluster, clock, read } = leaderless({ hosts: ["a"], revision: 9n });
  const reading = read();
  expect(await settledAfter(clock, reading, 6_000)).toBeGreaterThan(4_000);
  await expect(reading).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect(cluster.alone).toBe(0);
  await store.close();
});

const unfit = {
  "is behind what was seen": { hosts: ["a"], revision: 8n },
  "knows of nothing": { hosts: [], revision: 9n },
  "knows of no host of a service": { hosts: [], revision: 9n, info: true },
  "is of another cluster": { hosts: ["a"], revision: 90n, clusterId: 8n },
};

test.each(Object.entries(unfit))("a member that %s is not believed", async (_, known) => {
  const { store, cluster, clock, read } = leaderless({ hosts: ["a"], revision: 9n });
  cluster.leader = true;
  await read();
  cluster.leader = false;
  cluster.known = known;
  const reading = read(1_000);
  expect(await settledAfter(clock, reading, 3_000)).toBe(Infinity);
  expect(cluster.alone).toBeGreaterThan(1);
  // As soon as it has caught up, or there is something to be found, it is.
  cluster.known = { hosts: ["a", "b"], revision: 10n };
  expect(await settledAfter(clock, reading, 2_000)).toBeLessThan(2_000);
  await store.close();
});

test("one that is behind is passed over for one that is not", async () => {
  const newest = { hosts: ["a", "b"], revision: 9n };
  const { store, cluster, clock, read } = leaderless(newest, [newest]);
  cluster.leader = true;
  await read();
  cluster.leader = false;
  cluster.known = { hosts: ["a"], revision: 8n };
  const reading = read(1_000);
  expect(await settledAfter(clock, reading, 5_000)).toBeLessThan(1_100);
  expect((await reading).hosts.map(({ id }) => id)).toEqual(["a", "b"]);
  await store.close();
});

test("one that refuses is passed over, too", async () => {
  const whole = { hosts: ["a"], revision: 9n };
  const { store, clock, read } = leaderless({ ...whole, refuses: true }, [whole]);
  const reading = read(1_000);
  expect(await settledAfter(clock, reading, 5_000)).toBeLessThan(1_100);
  await store.close();
});

test("who has signed in goes on with the token from before, as nobody can sign in without a leader", async () => {
  const user = { username: "user", password: "secret" };
  const { store, cluster, clock, read } = leaderless({ hosts: ["a"], revision: 9n }, [], user);
  cluster.leader = true;
  await settledAfter(clock, read(), 100);
  cluster.leader = false;
  cluster.doubtsTokens = true;
  const short = store.read("api", { info: true, hosts: "all" }, { timeoutMs: 300 });
  expect(await settledAfter(clock, short, 1_000)).toBeLessThan(1_000);
  await expect(short).rejects.toMatchObject({ retryable: true });
  for (let lookups = 0; lookups < 3; lookups += 1) {
    const reading = read(1_000);
    expect(await settledAfter(clock, reading, 5_000)).toBeLessThan(1_100);
    expect((await reading).hosts.map(({ id }) => id)).toEqual(["a"]);
  }
  await store.close();
});

test("with a leader nobody asks a member for its own knowledge", async () => {
  const { store, cluster, clock, read } = leaderless({ hosts: ["a"], revision: 9n });
  cluster.leader = true;
  await read(1_000);
  await clock.advance(5_000);
  expect(cluster.alone).toBe(0);
  await store.close();
});
