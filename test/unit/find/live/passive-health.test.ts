import { describe, expect, it } from "vitest";
import type { LivePool } from "../../../../src/find/live/live-pool.ts";
import { leastBusy } from "../../../../src/find/live/least-busy.ts";
import type { Outcome } from "../../../../src/find/live/outcome.ts";
import { roundRobin } from "../../../../src/find/live/round-robin.ts";
import { putHost } from "../stage.ts";
import { code, ids, liveStage, tally } from "./live-stage.ts";

/** Uses the pool until a use of this host has ended so often like this; others are ended at once, undecided. */
function ends(pool: LivePool, id: string, outcome: Outcome, times = 1): void {
  for (let left = times; left > 0;) {
    const use = pool.begin({ exclude: pool.hosts.filter(({ uuid }) => uuid !== id) });
    use.end(outcome);
    left -= 1;
  }
}

const refused = () => Promise.reject(Object.assign(new Error("no"), { code: "ECONNREFUSED" }));

describe("use", () => {
  it("resolves and rejects as the work does, and counts what is under way", async () => {
    const stage = liveStage();
    await stage.put("a", "b");
    const pool = await stage.ready({ strategy: leastBusy() });
    expect(await pool.use(({ uuid }) => uuid.length)).toBe(1);
    const error = new Error("of the work");
    await expect(pool.use(() => Promise.reject(error))).rejects.toBe(error);
    await expect(
      pool.use(() => {
        throw error;
      }),
    ).rejects.toBe(error);
    let end = () => {};
    const busy = pool.use(
      (host) => new Promise<string>((resolve) => (end = () => resolve(host.uuid))),
    );
    const idle = tally(50, () => pool.pick());
    end();
    const id = await busy;
    expect([...idle.keys()]).toEqual(id === "a" ? ["b"] : ["a"]);
    expect(tally(50, () => pool.pick()).size).toBe(2);
  });

  it("rejects as a pick throws, and when its signal aborts", async () => {
    const stage = liveStage();
    const pool = await stage.ready();
    await expect(pool.use(() => 1)).rejects.toMatchObject({ code: "NO_HOST_FOUND" });
    await stage.put("a", "b");
    const before = AbortSignal.abort("before");
    await expect(pool.use(() => 1, { signal: before })).rejects.toBe("before");
    const controller = new AbortController();
    const given = pool.use(
      () => new Promise((_, reject) => controller.signal.addEventListener("abort", reject)),
      { signal: controller.signal },
    );
    controller.abort("meanwhile");
    await expect(given).rejects.toBe("meanwhile");
    expect(pool.ejected).toEqual([]);
  });

  it("excludes hosts that can be told only once", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c");
    const pool = await stage.ready();
    const used = new Set<string>();
    for (let times = 0; times < 50; times += 1) {
      used.add(await pool.use(({ uuid }) => uuid, { exclude: pool.hosts.slice(1).values() }));
    }
    expect([...used]).toEqual(["a"]);
  });

  it("ejects a host at once that cannot be reached, and tells so", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c");
    const pool = await stage.ready();
    const told: string[] = [];
    pool.on("pickable", (hosts) => told.push(ids(hosts).join(" ")));
    let failed = "";
    await expect(
      pool.use((host) => {
        failed = host.uuid;
        return refused();
      }),
    ).rejects.toThrow("no");
    expect(ids(pool.ejected)).toEqual([failed]);
    expect(tally(100, () => pool.pick()).has(failed)).toBe(false);
    expect(ids(pool.hosts)).toEqual(["a", "b", "c"]);
    expect(told.at(-1)).toBe(["a", "b", "c"].filter((id) => id !== failed).join(" "));
  });
});

describe("a host that fails", () => {
  it("is ejected at the fifth failure in a row", async () => {
    const stage = liveStage();
    await stage.put("a", "b");
    const pool = await stage.ready();
    ends(pool, "a", "failed", 4);
    ends(pool, "a", "succeeded");
    ends(pool, "a", "failed", 2);
    ends(pool, "a", "undecided", 5);
    ends(pool, "a", "failed", 2);
    expect(pool.ejected).toEqual([]);
    ends(pool, "a", "failed");
    expect(ids(pool.ejected)).toEqual(["a"]);
    expect(ids(pool.pickable)).toEqual(["b"]);
  });

  it("comes back for one trial, whose success brings it back and whose failure ejects it for longer", async () => {
    const stage = liveStage();
    await stage.put("a", "b");
    const pool = await stage.ready({ strategy: roundRobin() });
    ends(pool, "a", "unreachable");
    await stage.clock.advance(2_400);
    expect(ids(pool.pickable)).toEqual(["b"]);
    await stage.clock.advance(2_600);
    expect(ids(pool.pickable)).toEqual(["a", "b"]);
    // While the trial is under way nobody else goes there.
    const trial = pool.begin({ exclude: pool.hosts.slice(1) });
    expect(trial.host.uuid).toBe("a");
    expect(ids(pool.pickable)).toEqual(["b"]);
    trial.end("failed");
    await stage.clock.advance(4_900);
    expect(ids(pool.pickable)).toEqual(["b"]);
    await stage.clock.advance(5_100);
    ends(pool, "a", "succeeded");
    expect(pool.ejected).toEqual([]);
    expect(stage.log.at(-1)).toBe("info: a host that failed works again");
  });

  it("is left alone for up to 300 seconds, and forgiven one time for each ten seconds of health", async () => {
    const stage = liveStage();
    await stage.put("a", "b");
    const pool = await stage.ready();
    const awayMs = async (): Promise<number> => {
      ends(pool, "a", "unreachable");
      for (let ms = 0; ; ms += 100) {
        if (pool.ejected.length === 0) return ms;
        await stage.clock.advance(100);
      }
    };
    for (const wholeMs of [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]) {
      const ms = await awayMs();
      expect(ms).toBeGreaterThanOrEqual(wholeMs / 2);
      expect(ms).toBeLessThanOrEqual(wholeMs + 100);
    }
    ends(pool, "a", "succeeded");
    await stage.clock.advance(70_000);
    // One ejection is left of eight.
    const ms = await awayMs();
    expect(ms).toBeGreaterThanOrEqual(5_000);
    expect(ms).toBeLessThanOrEqual(10_100);
  });

  it("is judged by what began after it came back, not by what was under way before", async () => {
    const stage = liveStage();
    await stage.put("a", "b");
    const pool = await stage.ready();
    const others = pool.hosts.slice(1);
    const early = Array.from({ length: 3 }, () => pool.begin({ exclude: others }));
    for (const use of early.slice(0, 2)) use.end("unreachable");
    early[2]?.end("succeeded");
    expect(ids(pool.ejected)).toEqual(["a"]);
    await stage.clock.advance(5_000);
    expect(pool.ejected).toEqual([]);
    early[1]?.end("unreachable");
    expect(pool.ejected).toEqual([]);
  });

  it("is not kept away by a trial that never ends", async () => {
    const stage = liveStage();
    await stage.put("a", "b");
    const pool = await stage.ready();
    ends(pool, "a", "unreachable");
    await stage.clock.advance(5_000);
    pool.begin({ exclude: pool.hosts.slice(1) });
    expect(ids(pool.ejected)).toEqual(["a"]);
    await stage.clock.advance(5_000);
    expect(ids(pool.pickable)).toEqual(["a", "b"]);
    pool.begin({ exclude: pool.hosts.slice(1) }).end("undecided");
    expect(ids(pool.pickable)).toEqual(["a", "b"]);
  });

  it("is forgotten when it goes", async () => {
    const stage = liveStage();
    await stage.put("a", "b");
    const pool = await stage.ready();
    ends(pool, "a", "unreachable");
    await stage.unregister("a");
    expect(pool.ejected).toEqual([]);
    await stage.put("a");
    expect(ids(pool.pickable)).toEqual(["b", "a"]);
  });
});

describe("when many fail", () => {
  it("no more than half of the hosts are ejected for failures", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c", "d", "e");
    const pool = await stage.ready();
    for (const { uuid } of pool.hosts) ends(pool, uuid, "failed", 20);
    expect(ids(pool.ejected)).toEqual(["a", "b"]);
    const lone = liveStage();
    await lone.put("a");
    const only = await lone.ready();
    ends(only, "a", "failed", 20);
    expect(only.ejected).toEqual([]);
  });

  it("all are used when none can be reached, and the first that works is used alone", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c");
    const pool = await stage.ready();
    for (const id of ["a", "b", "c"]) ends(pool, id, "unreachable");
    expect(ids(pool.ejected)).toEqual(["a", "b", "c"]);
    expect(tally(100, () => pool.pick()).size).toBe(3);
    ends(pool, "b", "unreachable", 3);
    ends(pool, "b", "succeeded");
    expect(ids(pool.pickable)).toEqual(["b"]);
    await stage.clock.advance(5_000);
    expect(ids(pool.pickable)).toEqual(["a", "b", "c"]);
  });

  it("draining hosts are used before those that fail", async () => {
    const stage = liveStage();
    await stage.put("a", "b");
    const pool = await stage.ready();
    ends(pool, "a", "unreachable");
    ends(pool, "b", "unreachable");
    putHost(stage.store, "c", { draining: true });
    await stage.settle();
    expect(ids(pool.pickable)).toEqual(["c"]);
  });

  it("nothing happens where ejection is switched off", async () => {
    const stage = liveStage();
    await stage.put("a", "b");
    const pool = await stage.ready({ ejection: false });
    ends(pool, "a", "unreachable", 10);
    expect(pool.ejected).toEqual([]);
    expect(ids(pool.pickable)).toEqual(["a", "b"]);
  });

  it("what is set holds instead", async () => {
    const stage = liveStage();
    await stage.put("a", "b", "c");
    const ejection = { failures: 1, baseMs: 100, maxMs: 200, maxShare: 1 };
    const pool = await stage.ready({ ejection });
    for (const { uuid } of pool.hosts) ends(pool, uuid, "failed");
    expect(pool.ejected).toHaveLength(3);
    await stage.clock.advance(100);
    expect(pool.ejected).toEqual([]);
  });
});

it("a use that has ended is ended once, also after the pool", async () => {
  const stage = liveStage();
  await stage.put("a", "b");
  const pool = await stage.ready();
  const use = pool.begin();
  const later = pool.begin();
  use.end("failed");
  for (let times = 0; times < 10; times += 1) use.end("failed");
  expect(pool.ejected).toEqual([]);
  await pool.close();
  later.end("unreachable");
  expect(pool.ejected).toEqual([]);
  expect(code(() => pool.begin())).toBe("CLOSED");
});

it("a use can begin on a host that was picked before, as long as it is of the pool", async () => {
  const stage = liveStage();
  await stage.put("a", "b", "c");
  const pool = await stage.ready();
  const [a, b] = pool.hosts;
  if (a === undefined || b === undefined) throw new Error("there are no hosts");
  expect(pool.beginOn(a)?.host).toBe(a);
  putHost(stage.store, "a", { weight: 2 });
  await stage.settle();
  // As it is now, not as it was picked.
  expect(pool.beginOn(a)?.host).toBe(pool.hosts[0]);
  pool.beginOn(a)?.end("unreachable");
  expect(ids(pool.ejected)).toEqual(["a"]);
  await stage.unregister("c");
  await stage.expire("b");
  expect(pool.beginOn(b)).toBeUndefined();
});

it("a use can begin on a suspect, and end it", async () => {
  const stage = liveStage();
  await stage.put("a", "b", "c");
  const pool = await stage.ready();
  await stage.expire("a", "b", "c");
  const [suspect] = pool.suspects;
  if (suspect === undefined) throw new Error("there is no suspect");
  pool.beginOn(suspect)?.end("unreachable");
  expect(ids(pool.suspects)).toEqual(["b", "c"]);
});
