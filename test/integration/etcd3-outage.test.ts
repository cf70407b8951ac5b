import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isDiscoveryError } from "../../src/errors.ts";
import { type EtcdCluster, startEtcd, startProxy } from "../../src/testing/index.ts";
import {
  etcd3Store,
  follow,
  hostsOf,
  patiently,
  putHost,
  putInfo,
  read,
  write,
} from "../support/etcd3.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";

/** Something that refuses connections: nobody listens on port 1. */
const nowhere = "http://127.0.0.1:1";

const code = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "no failure",
    (error: unknown) => (isDiscoveryError(error) ? error.code : error),
  );

async function timed<T>(promise: Promise<T>): Promise<readonly [T, number]> {
  const startedAt = performance.now();
  return [await promise, performance.now() - startedAt];
}

describe("without any etcd", () => {
  test("calls fail with UNAVAILABLE within their time", async () => {
    await using store = etcd3Store([nowhere, nowhere]);
    const soon = { timeoutMs: 400 };
    const failures = await timed(
      Promise.all([
        code(read(store, "demo", soon)),
        code(store.services({ ...soon, alive: false })),
        code(store.write(write("demo", putInfo("i")), soon)),
        code(store.openSession({ ...soon, ttlSeconds: 5 })),
      ]),
    );
    expect(failures[0]).toEqual(["UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"]);
    expect(failures[1]).toBeLessThan(600);
  });

  test("an abort ends a call with the signal's reason, also while it waits to try again", async () => {
    await using store = etcd3Store([nowhere]);
    const reason = new Error("enough");
    const controller = new AbortController();
    const calls = [
      read(store, "demo", { ...patiently, signal: controller.signal }),
      store.write(write("demo", putInfo("i")), { ...patiently, signal: controller.signal }),
      store.openSession({ ...patiently, signal: controller.signal, ttlSeconds: 5 }),
    ];
    const settled = Promise.allSettled(calls);
    controller.abort(reason);
    for (const result of await settled) expect(result).toEqual({ status: "rejected", reason });
  });

  test("closing ends calls with CLOSED at once", async () => {
    const store = etcd3Store([nowhere]);
    follow(store, { service: "demo", part: "all", from: 1 });
    const calls = [
      code(read(store, "demo")),
      code(store.write(write("demo", putInfo("i")), patiently)),
      code(store.openSession({ ...patiently, ttlSeconds: 5 })),
    ];
    const [, tookMs] = await timed(store.close());
    expect(await Promise.all(calls)).toEqual(["CLOSED", "CLOSED", "CLOSED"]);
    expect(tookMs).toBeLessThan(500);
    expect(await code(read(store, "demo"))).toBe("CLOSED");
  });

  test("one signal may end many calls, and many calls may wait, without a warning of Node.js", async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): void => void warnings.push(message);
    process.on("warning", onWarning);
    await using store = etcd3Store([nowhere]);
    const { signal } = new AbortController();
    const soon = { timeoutMs: 300 };
    const calls = Array.from({ length: 20 }, (_, index) => [
      code(read(store, "demo", { ...soon, signal })),
      code(read(store, "demo", soon)),
      code(store.write(write(`demo-${index}`, putInfo("i")), { ...soon, signal })),
    ]);
    await Promise.all(calls.flat());
    await new Promise((resolve) => void setImmediate(resolve));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });

  test("burns no CPU", async () => {
    await using store = etcd3Store([nowhere]);
    follow(store, { service: "demo", part: "all", from: 1 });
    await code(read(store, "demo", { timeoutMs: 1_000 }));
    const before = process.cpuUsage();
    await code(read(store, "demo", { timeoutMs: 3_000 }));
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(300);
  });
});

describe("one etcd", () => {
  let etcd: EtcdCluster;

  beforeAll(async () => {
    etcd = await startEtcd();
  });

  afterAll(() => etcd.stop());

  test("a call that is under way while etcd restarts succeeds if it may be repeated", async () => {
    await using store = etcd3Store(etcd.endpoints);
    await store.write(write("restart", putInfo("kept")), patiently);
    await etcd.kill();
    const reading = read(store, "restart");
    await etcd.restart();
    expect((await reading).info?.id).toBe("restart");
  });

  test("an etcd that hangs is a TIMEOUT, and serves again when it goes on", async () => {
    await using store = etcd3Store(etcd.endpoints);
    await store.write(write("hang", putInfo("i")), patiently);
    etcd.pause();
    try {
      const soon = { timeoutMs: 600 };
      const [codes, tookMs] = await timed(
        Promise.all([
          code(read(store, "hang", soon)),
          code(store.services({ ...soon, alive: true })),
          code(store.write(write("hang", putInfo("j")), soon)),
        ]),
      );
      expect(codes).toEqual(["TIMEOUT", "TIMEOUT", "TIMEOUT"]);
      expect(tookMs).toBeLessThan(900);
      await using fresh = etcd3Store(etcd.endpoints);
      expect(await code(read(fresh, "hang", soon))).toBe("TIMEOUT");
    } finally {
      etcd.resume();
    }
    expect((await read(store, "hang")).info?.id).toBe("hang");
  });

  test("a session outlives a connection that was dropped without a word", async () => {
    await using proxy = await startProxy(etcd.endpoint);
    await using store = etcd3Store([proxy.endpoint]);
    const session = await store.openSession({ ...patiently, ttlSeconds: 3 });
    await store.write(write("dropped", putHost("a", "1", session)), patiently);
    const watch = follow(store, { service: "dropped", part: "all", from: 1 });
    await eventually(() => expect(watch.changes).toEqual(["put a=1"]));
    proxy.drop();
    const connections = proxy.connections;
    await eventually(() => proxy.connections > connections, 10_000);
    const renewed = session.remainingMs;
    await eventually(() => session.remainingMs > Math.max(renewed, 2_000));
    expect(session.ended.aborted).toBe(false);
    expect(hostsOf(await read(store, "dropped"))).toEqual(["a=1"]);
    await store.write(write("dropped", putInfo("i")), patiently);
    await eventually(() => expect(watch.changes).toEqual(["put a=1", "put info=i"]));
    expect(watch.faults).toEqual([]);
  });

  test("a silent watch stream is found out, though nothing else is under way", async () => {
    await using proxy = await startProxy(etcd.endpoint);
    await using store = etcd3Store([proxy.endpoint]);
    const raw = new RawEtcd(etcd);
    await raw.put("/services/silent/h", "h", await raw.grant());
    const { revision } = await read(store, "silent");
    const watch = follow(store, { service: "silent", part: "all", from: revision + 1 });
    await eventually(() => expect(watch.timesEstablished).toBe(1));
    proxy.drop();
    await using other = etcd3Store(etcd.endpoints);
    await other.write(write("silent", putInfo("i")), patiently);
    await eventually(() => expect(watch.changes).toEqual(["put info=i"]), 9_000);
    expect([watch.timesInterrupted, watch.timesEstablished]).toEqual([1, 2]);
  });

  test("a session whose lease was revoked by hand fails its writes and ends", async () => {
    await using store = etcd3Store(etcd.endpoints);
    const session = await store.openSession({ ...patiently, ttlSeconds: 60 });
    const other = await store.openSession({ ...patiently, ttlSeconds: 61 });
    const { leases } = await etcd.call("/v3/lease/leases", {});
    for (const { ID } of leases as { ID: string }[]) {
      const { grantedTTL } = await etcd.call("/v3/lease/timetolive", { ID });
      if (grantedTTL === "60") await etcd.call("/v3/lease/revoke", { ID });
    }
    const results = await Promise.all(
      Array.from({ length: 30 }, (_, index) => {
        const put = putHost("a", "1", index % 3 === 0 ? session : other);
        return code(store.write(write(`revoked-${index}`, put), patiently));
      }),
    );
    expect(results).toEqual(
      Array.from({ length: 30 }, (_, index) => (index % 3 === 0 ? "UNAVAILABLE" : "no failure")),
    );
    expect(session.ended.aborted).toBe(true);
    expect(isDiscoveryError(session.ended.reason, "UNAVAILABLE")).toBe(true);
    expect(other.ended.aborted).toBe(false);
  });

  test("history that was replaced is known by a record, though revisions went on", async () => {
    await using proxy = await startProxy(etcd.endpoint);
    await using store = etcd3Store([proxy.endpoint]);
    await store.write(write("replaced", putInfo("i")), patiently);
    const { revision } = await read(store, "replaced");
    const watch = follow(store, { service: "replaced", part: "info", from: revision + 1 });
    await eventually(() => expect(watch.timesEstablished).toBe(1));
    proxy.refuse();
    await etcd.wipe();
    await using other = etcd3Store(etcd.endpoints);
    for (let value = 0; value < revision + 10; value += 1) {
      await other.write(write("other", putInfo(String(value))), patiently);
    }
    proxy.heal();
    await eventually(() => expect(watch.end).toBe("replaced"));
    expect([watch.changes, watch.faults]).toEqual([[], []]);
  });
});

describe("three members", () => {
  let etcd: EtcdCluster;

  beforeEach(async () => {
    etcd = await startEtcd({ size: 3 });
  });

  afterEach(() => etcd.stop());

  test("calls, sessions and watches move on from a member that hangs", async () => {
    await using store = etcd3Store(etcd.endpoints);
    // Longer than any member sleeps: a leader revokes on waking what ran out meanwhile (etcd#15247).
    const session = await store.openSession({ ...patiently, ttlSeconds: 20 });
    await store.write(write("demo", putHost("a", "1", session)), patiently);
    const watch = follow(store, { service: "demo", part: "all", from: 1 });
    await eventually(() => expect(watch.changes).toEqual(["put a=1"]));
    await using other = etcd3Store(etcd.endpoints);
    for (const member of etcd.members) {
      member.pause();
      // The leader may be the one that hangs: then nothing goes until there is another.
      const value = member.endpoint;
      await eventually(async () => {
        await store.write(write("demo", putInfo(value)), { timeoutMs: 2_000 }).catch(() => false);
        return new TextDecoder().decode((await read(store, "demo")).info?.value) === value;
      }, 20_000);
      await eventually(() => expect(watch.changes).toContain(`put info=${value}`), 10_000);
      member.resume();
      await read(other, "demo");
    }
    expect(session.ended.aborted).toBe(false);
    expect(hostsOf(await read(store, "demo"))).toEqual(["a=1"]);
    expect(watch.changes.filter((change) => change.startsWith("delete"))).toEqual([]);
    expect(watch.faults).toEqual([]);
  }, 60_000);
});
