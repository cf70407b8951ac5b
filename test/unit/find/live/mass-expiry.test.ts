import { describe, expect, it } from "vitest";
import { deleteHost, putHost } from "../stage.ts";
import { code, ids, liveStage, tally } from "./live-stage.ts";

describe("when more than half of a pool goes without a goodbye", () => {
  it("the lost ones are kept as suspects, and picked when no living one can be", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c");
    const pool = await stage.ready();
    await stage.expire("a", "b");
    expect(ids(pool.hosts)).toEqual(["c"]);
    expect(ids(pool.suspects)).toEqual(["a", "b"]);
    expect([...tally(20, () => pool.pick()).keys()]).toEqual(["c"]);
    expect(stage.log.filter((line) => line.startsWith("warn"))).toHaveLength(1);
    await stage.expire("c");
    expect(tally(100, () => pool.pick()).size).toBe(3);
  });

  it("also when they go one after the other, within ten seconds", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c", "d");
    const pool = await stage.ready();
    await stage.expire("a");
    await stage.clock.advance(5_000);
    await stage.expire("b");
    expect(pool.suspects).toEqual([]);
    await stage.clock.advance(4_900);
    await stage.expire("c");
    expect(ids(pool.suspects)).toEqual(["a", "b", "c"]);
  });

  it("but not when it takes longer, so that a fleet may shrink", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c", "d");
    const pool = await stage.ready();
    for (const id of ["a", "b", "c", "d"]) {
      await stage.expire(id);
      await stage.clock.advance(10_000);
    }
    expect(pool.suspects).toEqual([]);
    expect(code(() => pool.pick())).toBe("NO_HOST_FOUND");
  });

  it("each for sixty seconds from when it went, never longer", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c", "d");
    const pool = await stage.ready();
    await stage.expire("a", "b", "c");
    await stage.clock.advance(9_000);
    await stage.expire("d");
    expect(ids(pool.suspects)).toEqual(["a", "b", "c", "d"]);
    await stage.clock.advance(50_999);
    expect(pool.suspects).toHaveLength(4);
    await stage.clock.advance(1);
    expect(ids(pool.pickable)).toEqual(["d"]);
    await stage.clock.advance(9_000);
    expect(code(() => pool.pick())).toBe("NO_HOST_FOUND");
  });

  it("not those that said goodbye, nor in pools of two", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c", "d");
    const pool = await stage.ready();
    for (const id of ["a", "b", "c"]) await stage.unregister(id);
    await stage.expire("d");
    expect(pool.suspects).toEqual([]);
    const small = liveStage();
    await small.put("a", "b");
    const two = await small.ready();
    await small.expire("a", "b");
    expect(two.suspects).toEqual([]);
    expect(code(() => two.pick())).toBe("NO_HOST_FOUND");
  });

  it("counts only the hosts of the pool", async () => {
    const stage = liveStage();
    for (const id of ["a", "b", "c"]) putHost(stage.store, id, { shard: "1" });
    await stage.put("d", "e", "f", "g");
    const pool = await stage.ready({ shard: "1" });
    const all = await stage.ready();
    await stage.expire("a", "b");
    expect(ids(pool.suspects)).toEqual(["a", "b"]);
    expect(all.suspects).toEqual([]);
    // To leave the pool for another shard is not to be lost.
    putHost(stage.store, "c", { shard: "2" });
    await stage.settle();
    expect(ids(pool.suspects)).toEqual(["a", "b"]);
  });

  it("a suspect that is back is one of the living, with what is known of it", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c");
    const pool = await stage.ready();
    await stage.expire("a", "b", "c");
    const use = pool.begin({ exclude: pool.suspects.slice(1) });
    expect(use.host.uuid).toBe("a");
    await stage.put("a");
    expect(ids(pool.hosts)).toEqual(["a"]);
    expect(ids(pool.suspects)).toEqual(["b", "c"]);
    expect(ids(pool.pickable)).toEqual(["a"]);
    use.end("succeeded");
  });

  it("a suspect that is back on another shard is not picked on its old one", async () => {
    const stage = liveStage();
    for (const id of ["a", "b", "c"]) putHost(stage.store, id, { shard: "1" });
    await stage.settle();
    const pool = await stage.ready({ shard: "1" });
    await stage.expire("a", "b", "c");
    putHost(stage.store, "a", { shard: "2" });
    await stage.settle();
    expect(ids(pool.suspects)).toEqual(["b", "c"]);
    expect(tally(100, () => pool.pick()).has("a")).toBe(false);
  });

  it("those that were lost and were back before the others went are not counted", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c", "d", "e");
    const pool = await stage.ready();
    await stage.expire("a", "b");
    await stage.put("a", "b");
    await stage.expire("c");
    expect(pool.suspects).toEqual([]);
    await stage.expire("d", "e");
    expect(ids(pool.suspects)).toEqual(["c", "d", "e"]);
  });

  it("a host that goes long after most others is no suspect because of them", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c", "d", "e");
    const pool = await stage.ready();
    await stage.expire("a", "b", "c");
    await stage.clock.advance(10_000);
    await stage.expire("d");
    expect(ids(pool.suspects)).toEqual(["a", "b", "c"]);
  });

  it("a suspect whose time is over does not become one again with those that go after it", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c", "d", "e");
    const pool = await stage.ready({ suspects: { keepMs: 2_000, windowMs: 10_000 } });
    await stage.expire("a", "b", "c");
    await stage.clock.advance(2_000);
    expect(pool.suspects).toEqual([]);
    await stage.expire("d");
    expect(ids(pool.suspects)).toEqual(["d"]);
  });

  it("a suspect that cannot be reached is one no longer", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c");
    const pool = await stage.ready();
    await stage.expire("a", "b", "c");
    const use = pool.begin();
    use.end("unreachable");
    expect(ids(pool.suspects)).not.toContain(use.host.uuid);
    expect(pool.suspects).toHaveLength(2);
    pool.begin().end("unreachable");
    pool.begin().end("unreachable");
    expect(code(() => pool.pick())).toBe("NO_HOST_FOUND");
    expect(pool.ejected).toEqual([]);
  });

  it("also when etcd comes back without them after an outage", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c");
    const pool = await stage.ready();
    stage.store.outage(true);
    await stage.settle();
    for (const id of ["a", "b", "c"]) deleteHost(stage.store, id);
    stage.store.compact();
    stage.store.outage(false);
    await stage.clock.advance(3_000);
    expect(pool.freshness.source).toBe("live");
    expect(pool.hosts).toEqual([]);
    expect(tally(100, () => pool.pick()).size).toBe(3);
  });

  it("not where it is switched off, and for other times where they are set", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c");
    const off = await stage.ready({ suspects: false });
    const brief = await stage.ready({ suspects: { keepMs: 1_000, windowMs: 500 } });
    await stage.expire("a", "b", "c");
    expect(code(() => off.pick())).toBe("NO_HOST_FOUND");
    expect(brief.suspects).toHaveLength(3);
    await stage.clock.advance(1_000);
    expect(brief.suspects).toEqual([]);
  });
});
