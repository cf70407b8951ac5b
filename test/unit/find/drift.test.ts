import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HostEvent } from "../../../src/find/host-event.ts";
import { Mirror } from "../../../src/find/mirror.ts";
import type { WatchBatch } from "../../../src/store/store.ts";
import { type FaultyStore, faultyStore } from "./faulty-store.ts";
import { deleteHost, makeStage, putHost, putInfo, service, show, type Stage } from "./stage.ts";

/** One more comparison with the store, and some time for a change that may be on its way. */
const comparisonMs = 300_000 + 3_000;

let stage: Stage;
let faulty: FaultyStore;
let mirror: Mirror;
let told: HostEvent[];

async function begin(): Promise<void> {
  stage = makeStage((context) => {
    faulty = faultyStore(context.store);
    return { store: faulty.store };
  });
  putHost(stage.store, "a");
  putHost(stage.store, "b");
  mirror = new Mirror(service, stage.context);
  await stage.settle();
  told = [];
  mirror.follow({
    listed() {},
    changed: (events) => told.push(...events),
    failed() {},
    closed() {},
  });
}

async function end(): Promise<void> {
  mirror.close();
  await stage.settle();
  expect(stage.clock.timers).toBe(0);
  expect(stage.log.filter((line) => line.startsWith("error"))).toEqual([]);
}

/** What the store has, and what the mirror knows of it. */
async function bothSides(): Promise<{ readonly there: string[]; readonly known: string[] }> {
  const { hosts } = await stage.store.read(
    service,
    { info: true, hosts: "all" },
    { timeoutMs: 1_000 },
  );
  const there = hosts.map(({ id, value }) => {
    const { shard } = JSON.parse(new TextDecoder().decode(value)) as { shard?: string };
    return `${id}:${shard ?? ""}`;
  });
  const known = mirror.hosts.map(({ uuid, shard }) => `${uuid}:${shard}`);
  return { there: there.sort(), known: known.sort() };
}

describe("a change that the watch lost", () => {
  beforeEach(begin);
  afterEach(end);

  it.each([
    ["a host that came", () => putHost(stage.store, "c"), "up c"],
    ["a host that changed", () => putHost(stage.store, "b", { shard: "1" }), "update b:1"],
    ["a host that went", () => deleteHost(stage.store, "a"), "down a (resync)"],
    ["an info", () => putInfo(stage.store, "x.dev"), ""],
  ])("is told by the next comparison, and counted: %s", async (_, happen, news) => {
    faulty.tamper = () => [];
    happen();
    await stage.settle();
    faulty.tamper = undefined;
    await stage.clock.advance(60_000);
    expect([told, mirror.driftRepaired]).toEqual([[], 0]);
    await stage.clock.advance(comparisonMs);
    const { there, known } = await bothSides();
    expect(known).toEqual(there);
    expect(told.map(show).join()).toBe(news);
    expect(mirror.info?.hostname ?? "").toBe(news === "" ? "x.dev" : "");
    expect([mirror.driftRepaired, mirror.resyncs, mirror.freshness.source]).toEqual([1, 1, "live"]);
    await stage.clock.advance(3 * comparisonMs);
    expect([mirror.driftRepaired, mirror.resyncs]).toEqual([1, 1]);
  });
});

/** What becomes of a change on its way: as it should be, lost, told twice, or late, after newer ones. */
type Fate = "told" | "lost" | "twice" | "late";

const change = fc.record({
  id: fc.constantFrom("a", "b", "c"),
  shard: fc.constantFrom("1", "2", "3", undefined),
  fate: fc.constantFrom<Fate>("told", "told", "lost", "twice", "late"),
});

it("whatever a server loses, repeats or tells late, a comparison later all is as it is on the store", async () => {
  let repaired = 0;
  const property = fc.asyncProperty(fc.array(change, { maxLength: 30 }), async (changes) => {
    await begin();
    const late: WatchBatch[] = [];
    const happened: typeof changes = [];
    for (const each of changes) {
      const { id, shard, fate } = each;
      faulty.tamper = (batch) => {
        happened.push(each);
        if (fate === "late") late.push(batch);
        if (fate === "lost" || fate === "late") return [];
        return fate === "twice" ? [batch, batch] : [batch];
      };
      if (shard === undefined) deleteHost(stage.store, id);
      else putHost(stage.store, id, { shard });
      await stage.settle();
    }
    faulty.tamper = undefined;
    for (const batch of late) faulty.observer().changed(batch);
    const before = await bothSides();
    for (const id of ["a", "b", "c"]) {
      // What was told in time is not undone by what comes late; only what is newer still may count.
      const own = happened.filter((each) => each.id === id && each.fate !== "lost");
      const inTime = own.findLastIndex(({ fate }) => fate !== "late");
      const may = [own[inTime] ?? { shard: id === "c" ? undefined : "" }, ...own.slice(inTime + 1)];
      const shard = mirror.hosts.find(({ uuid }) => uuid === id)?.shard;
      expect(may.map((each) => each.shard)).toContain(shard);
    }
    const wrong = new Set(
      [...before.there, ...before.known]
        .filter((host) => before.there.includes(host) !== before.known.includes(host))
        .map((host) => host.slice(0, 1)),
    );
    await stage.clock.advance(comparisonMs);
    const after = await bothSides();
    expect(after.known).toEqual(after.there);
    // One that came back as it was is not wrong, and yet a change was lost.
    expect(mirror.driftRepaired).toBeGreaterThanOrEqual(wrong.size);
    if (changes.every(({ fate }) => fate === "told" || fate === "twice")) {
      expect(mirror.driftRepaired).toBe(0);
    }
    repaired += mirror.driftRepaired;
    // Never twice, never down before up, each from what it was told to be before.
    const known = new Map([
      ["a", ""],
      ["b", ""],
    ]);
    for (const { type, host, previous } of told) {
      expect(known.has(host.uuid)).toBe(type !== "up");
      if (type === "update") expect(previous?.shard).toBe(known.get(host.uuid));
      if (type === "down") known.delete(host.uuid);
      else known.set(host.uuid, host.shard);
    }
    const drift = mirror.driftRepaired;
    await stage.clock.advance(comparisonMs);
    expect(mirror.driftRepaired).toBe(drift);
    await end();
  });
  await fc.assert(property, { numRuns: 200 });
  expect(repaired).toBeGreaterThan(0);
});
