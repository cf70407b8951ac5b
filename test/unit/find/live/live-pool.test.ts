import { describe, expect, it } from "vitest";
import { roundRobin } from "../../../../src/find/live/round-robin.ts";
import { deleteHost, putHost, service } from "../stage.ts";
import { code, ids, liveStage, tally } from "./live-stage.ts";

describe("what is known", () => {
  it("is one thing before the first reading, another when there is no host, a third when etcd is away", async () => {
    const stage = liveStage();
    stage.store.outage(true);
    const pool = stage.mirrors.live(service, { maxStaleMs: 10_000 });
    await stage.clock.advance(3_000);
    expect(code(() => pool.pick())).toBe("NOT_READY");
    // Why it is not known is told, too.
    expect(() => pool.pick()).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ code: "UNAVAILABLE" }) as Error }),
    );
    expect(pool.hosts).toEqual([]);
    expect(pool.freshness).toMatchObject({ source: "stale", ageMs: 3_000 });

    stage.store.outage(false);
    await stage.clock.advance(3_000);
    await pool.waitReady();
    expect(code(() => pool.pick())).toBe("NO_HOST_FOUND");

    await stage.put("a");
    expect(pool.pick().uuid).toBe("a");
    expect(pool.freshness).toMatchObject({ source: "live", ageMs: 0 });

    stage.store.outage(true);
    await stage.clock.advance(10_000);
    expect(pool.pick().uuid).toBe("a");
    expect(pool.freshness).toMatchObject({ source: "stale", ageMs: 10_000 });
    await stage.clock.advance(1);
    expect(code(() => pool.pick())).toBe("UNAVAILABLE");
    expect(ids(pool.hosts)).toEqual(["a"]);

    stage.store.outage(false);
    await stage.clock.advance(3_000);
    expect(pool.pick().uuid).toBe("a");
    await pool.close();
    expect(code(() => pool.pick())).toBe("CLOSED");
  });

  it("stays in use for ever while etcd is away, unless maxStaleMs is given", async () => {
    const stage = liveStage();
    await stage.put("a", "b");
    const pool = await stage.ready();
    stage.store.outage(true);
    await stage.clock.advance(7 * 24 * 3_600_000);
    expect(tally(100, () => pool.pick()).size).toBe(2);
  });

  it("is told to whoever waits, and waiting ends with a signal, a refusal or the pool", async () => {
    const stage = liveStage();
    stage.store.outage(true);
    const own = new AbortController();
    const pool = stage.mirrors.live(service, { signal: own.signal });
    const mine = new AbortController();
    const waits = [pool.waitReady({ signal: mine.signal }), pool.waitReady()];
    const settled = Promise.allSettled(waits);
    mine.abort("mine");
    own.abort("own");
    expect((await settled).map((each) => "reason" in each && (each.reason as unknown))).toEqual([
      "mine",
      "own",
    ]);
    expect(code(() => pool.pick())).toBe("CLOSED");
    const ended = stage.mirrors.live(service, { signal: AbortSignal.abort("before") });
    await expect(ended.waitReady()).rejects.toBe("before");
    const other = stage.mirrors.live(service);
    await other.close();
    await other.close();
    await expect(other.waitReady()).rejects.toMatchObject({ code: "CLOSED" });
    stage.mirrors.close();
    expect(code(() => stage.mirrors.live(service))).toBe("CLOSED");
  });

  it("ends with the discovery, and tells so once", async () => {
    const stage = liveStage();
    await stage.put("a");
    const pool = await stage.ready();
    let told = 0;
    pool.on("closed", () => (told += 1));
    stage.mirrors.close();
    await pool.close();
    expect(told).toBe(1);
    expect(code(() => pool.pick())).toBe("CLOSED");
    expect(pool.freshness.source).toBe("stale");
  });
});

describe("hosts", () => {
  it("are a frozen array that stays the same until one comes, goes or changes", async () => {
    const stage = liveStage();
    await stage.put("a", "b");
    const pool = await stage.ready();
    const first = pool.hosts;
    expect(Object.isFrozen(first)).toBe(true);
    // The same again, written anew, is no change; nor is what becomes of the info.
    await stage.put("a");
    expect(pool.hosts).toBe(first);

    putHost(stage.store, "b", { shard: "1" });
    await stage.put("c");
    const second = pool.hosts;
    expect(ids(first)).toEqual(["a", "b"]);
    expect(ids(second)).toEqual(["a", "b", "c"]);
    expect(second[0]).toBe(first[0]);
    expect(second[1]).not.toBe(first[1]);
  });

  it("stay the same objects through an outage after which all is listed again, for all who follow", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c");
    const pool = await stage.ready();
    const shard = await stage.ready({ shard: "1" });
    const before = pool.hosts;
    stage.store.outage(true);
    await stage.settle();
    putHost(stage.store, "b", { shard: "1" });
    stage.store.compact();
    stage.store.outage(false);
    await stage.clock.advance(3_000);
    expect(pool.freshness.source).toBe("live");
    const [a, b, c] = pool.hosts;
    expect([a, c]).toEqual([before[0], before[2]]);
    expect([a === before[0], b === before[1], c === before[2]]).toEqual([true, false, true]);
    expect(shard.hosts[0]).toBe(b);
    expect(stage.mirrors.get(service)?.hosts[1]).toBe(b);
    expect(shard.pick()).toBe(b);
  });

  it("include those that are draining, but no pick does while another lives", async () => {
    const stage = liveStage();
    await stage.put("a", "b");
    const pool = await stage.ready({ strategy: roundRobin() });
    putHost(stage.store, "a", { draining: true });
    await stage.settle();
    expect(ids(pool.hosts)).toEqual(["a", "b"]);
    expect(ids(pool.pickable)).toEqual(["b"]);
    expect([...tally(10, () => pool.pick()).keys()]).toEqual(["b"]);
    deleteHost(stage.store, "b");
    await stage.settle();
    expect(pool.pick().uuid).toBe("a");
  });

  it("are told to who listens from the beginning, and not to who comes when nothing changes any more", async () => {
    const stage = liveStage();
    await stage.put("a");
    const pool = stage.mirrors.live(service);
    const told: string[] = [];
    pool.on("hosts", (hosts) => told.push(`hosts ${ids(hosts).join(" ")}`));
    pool.on("pickable", (hosts) => told.push(`pickable ${ids(hosts).join(" ")}`));
    pool.on("freshness", ({ source }) => told.push(source));
    await pool.waitReady();
    await stage.settle();
    expect(told).toEqual(["hosts a", "pickable a", "live"]);
    const later: string[] = [];
    pool.on("hosts", (hosts) => later.push(`hosts ${ids(hosts).join(" ")}`));
    await stage.put("a");
    expect([told.length, later]).toEqual([3, []]);
    await stage.put("b");
    expect(later).toEqual(["hosts a b"]);
  });

  it("are told when they change, once for all that happens at one moment", async () => {
    const stage = liveStage();
    await stage.put("a");
    const pool = await stage.ready({ suspects: false });
    await stage.settle();
    const told: string[] = [];
    const off = pool.on("hosts", (hosts) => told.push(`hosts ${ids(hosts).join(" ")}`));
    pool.on("pickable", (hosts) => told.push(`pickable ${ids(hosts).join(" ")}`));
    pool.on("freshness", ({ source }) => told.push(source));
    await stage.put("b", "c");
    expect(told).toEqual(["hosts a b c", "pickable a b c"]);
    putHost(stage.store, "b", { draining: true });
    await stage.settle();
    expect(told.slice(2)).toEqual(["hosts a b c", "pickable a c"]);
    stage.store.outage(true);
    await stage.settle();
    expect(told.slice(4)).toEqual(["stale"]);
    off();
    stage.store.outage(false);
    await stage.clock.advance(3_000);
    await stage.expire("c");
    expect(told.slice(5)).toEqual(["live", "pickable a"]);
  });
});

describe("filters", () => {
  it("leave the hosts of one shard, and say so when there are others only", async () => {
    const stage = liveStage();
    putHost(stage.store, "a", { shard: "1" });
    putHost(stage.store, "b", { shard: "2" });
    const pool = await stage.ready({ shard: "1" });
    const none = await stage.ready({ shard: "3" });
    const all = await stage.ready({ shard: "" });
    expect(ids(pool.hosts)).toEqual(["a"]);
    expect(code(() => none.pick())).toBe("NO_HOST_FOUND_ON_SHARD");
    expect(ids(all.hosts)).toEqual(["a", "b"]);
    // A host may change its shard.
    putHost(stage.store, "a", { shard: "3" });
    await stage.settle();
    expect(code(() => pool.pick())).toBe("NO_HOST_FOUND_ON_SHARD");
    expect(none.pick().uuid).toBe("a");
    deleteHost(stage.store, "a");
    deleteHost(stage.store, "b");
    await stage.settle();
    expect(code(() => pool.pick())).toBe("NO_HOST_FOUND");
  });

  it("leave the hosts whose metadata has all that is asked for", async () => {
    const stage = liveStage();
    putHost(stage.store, "a", { metadata: { version: "1", zone: "x" } });
    putHost(stage.store, "b", { metadata: { version: "2", zone: "x" } });
    putHost(stage.store, "c");
    const pool = await stage.ready({ metadata: { zone: "x", version: "2" } });
    const none = await stage.ready({ metadata: { zone: "y" } });
    expect(ids(pool.hosts)).toEqual(["b"]);
    expect(code(() => none.pick())).toBe("NO_HOST_FOUND");
    expect(code(() => none.pick({ exclude: [] }))).toBe("NO_HOST_FOUND");
  });

  it("prefer some hosts while there are enough of them", async () => {
    const stage = liveStage();
    const here = { metadata: { zone: "here" } };
    for (const id of ["a", "b", "c"]) putHost(stage.store, id, here);
    putHost(stage.store, "d", { metadata: { zone: "there" } });
    const pool = await stage.ready({ prefer: here });
    const two = await stage.ready({ prefer: { ...here, atLeast: 2 } });
    expect(ids(pool.hosts)).toEqual(["a", "b", "c", "d"]);
    expect(ids(pool.pickable)).toEqual(["a", "b", "c"]);
    putHost(stage.store, "c", { ...here, draining: true });
    await stage.settle();
    expect(ids(pool.pickable)).toEqual(["a", "b", "d"]);
    expect(ids(two.pickable)).toEqual(["a", "b"]);
    putHost(stage.store, "c", here);
    await stage.settle();
    expect(ids(pool.pickable)).toEqual(["a", "b", "c"]);
  });

  it("prefer a shard as well", async () => {
    const stage = liveStage();
    putHost(stage.store, "a", { shard: "1" });
    putHost(stage.store, "b", { shard: "2" });
    const pool = await stage.ready({ prefer: { shard: "1", atLeast: 1 } });
    expect(ids(pool.pickable)).toEqual(["a"]);
    deleteHost(stage.store, "a");
    await stage.settle();
    expect(pool.pick().uuid).toBe("b");
  });
});

describe("a pick", () => {
  it("does not give a host that is excluded, and looks for others where the next best are", async () => {
    const stage = liveStage();
    await stage.put("a", "b");
    putHost(stage.store, "c", { draining: true });
    const pool = await stage.ready();
    const [a, b, c] = pool.hosts;
    if (a === undefined || b === undefined || c === undefined) throw new Error("no hosts");
    expect([...tally(50, () => pool.pick({ exclude: a })).keys()]).toEqual(["b"]);
    expect(pool.pick({ exclude: [a, b] })).toBe(c);
    expect(code(() => pool.pick({ exclude: new Set([a, b, c]) }))).toBe("NO_HOST_FOUND");
  });

  it("sees at once what was told just now", async () => {
    const stage = liveStage();
    await stage.put("a");
    const pool = await stage.ready({ strategy: roundRobin() });
    const seen: string[] = [];
    const mirror = stage.mirrors.get(service);
    mirror?.follow({
      listed() {},
      changed: () => seen.push(ids(pool.pickable).join(" "), pool.pick().uuid),
      failed() {},
      closed() {},
    });
    putHost(stage.store, "a", { draining: true });
    await stage.put("b");
    expect(seen.slice(-2)).toEqual(["b", "b"]);
  });
});

describe("what a user gives", () => {
  it("a strategy of one's own, though it throws or answers nonsense, leaves a host to pick", async () => {
    const stage = liveStage();
    const update = (): void => {
      throw new Error("not today");
    };
    const pool = await stage.ready({ strategy: { picker: () => ({ update, pick: () => 99 }) } });
    await stage.put("a", "b");
    expect(tally(100, () => pool.pick()).size).toBe(2);
    expect(stage.log.splice(0).filter((line) => line.startsWith("error"))).toEqual([
      "error: a strategy threw",
    ]);
  });

  it("a listener that throws, at once or later, is logged and harms no other", async () => {
    const stage = liveStage();
    const pool = await stage.ready();
    const told: string[] = [];
    pool.on("hosts", () => {
      throw new Error("at once");
    });
    pool.on("hosts", () => Promise.reject(new Error("later")));
    pool.on("hosts", (hosts) => void told.push(ids(hosts).join(" ")));
    await stage.put("a");
    expect(told.at(-1)).toBe("a");
    const errors = stage.log.splice(0).filter((line) => line.startsWith("error"));
    expect(new Set(errors)).toEqual(new Set(['error: a listener for "hosts" threw']));
  });
});

describe("wrong options", () => {
  it.each<[string, object]>([
    ["maxStaleMs", { maxStaleMs: -1 }],
    ["shard", { shard: 1 }],
    ["metadata", { metadata: "zone" }],
    ["metadata", { metadata: { zone: 1 } }],
    ["strategy", { strategy: roundRobin }],
    ["prefer", { prefer: "zone" }],
    ["prefer", { prefer: {} }],
    ["prefer.atLeast", { prefer: { shard: "1", atLeast: 0 } }],
    ["prefer.metadata", { prefer: { metadata: { zone: 1 } } }],
    ["subset", { subset: 1.5 }],
    ["subset.size", { subset: {} }],
    ["subset.seed", { subset: { size: 1, seed: 1 } }],
    ["ejection", { ejection: true }],
    ["ejection.failures", { ejection: { failures: 0 } }],
    ["ejection.baseMs", { ejection: { baseMs: 0 } }],
    ["ejection.maxMs", { ejection: { maxMs: 1 } }],
    ["ejection.maxShare", { ejection: { maxShare: 2 } }],
    ["suspects", { suspects: null }],
    ["suspects.keepMs", { suspects: { keepMs: "1" } }],
    ["suspects.windowMs", { suspects: { windowMs: Infinity } }],
    ["snapshot", { snapshot: "" }],
    ["snapshot", { snapshot: true }],
    ["signal", { signal: {} }],
    ["straetgy", { straetgy: roundRobin() }],
    ["failuers", { ejection: { failuers: 1 } }],
  ])("are refused, naming %s", (field, options) => {
    const stage = liveStage();
    expect(() => stage.mirrors.live(service, options)).toThrow(
      expect.objectContaining({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(new RegExp(`^${field.replace(".", "\\.")}\\b`)) as string,
      }),
    );
  });

  it("of a pick, a use and a listener are refused, too", async () => {
    const pool = await liveStage().ready();
    const wrong = (call: (bag: never) => unknown, ...bags: unknown[]) =>
      bags.map((bag) => code(() => call(bag as never)));
    expect([
      ...wrong((bag) => pool.pick(bag), null, { key: 1 }, { exclude: "a" }, { exclude: ["a"] }),
      ...wrong((bag) => pool.pick(bag), { exlude: [] }),
      ...wrong((bag) => pool.begin(bag), "key"),
      ...wrong((bag) => pool.use(bag), undefined),
      ...wrong((bag) => pool.use(() => 1, bag), { signal: 1 }, { kye: "a", exculde: [] }),
      ...wrong((bag) => pool.on(bag, () => {}), "host"),
      ...wrong((bag) => pool.on("hosts", bag), undefined),
      ...wrong((bag) => pool.waitReady(bag), { signal: 1 }),
    ]).toEqual(Array.from({ length: 12 }, () => "INVALID_ARGUMENT"));
  });
});
