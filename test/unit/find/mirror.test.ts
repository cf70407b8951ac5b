import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Turnstile } from "../../../src/async/turnstile.ts";
import { DiscoveryError } from "../../../src/errors.ts";
import type { Follower } from "../../../src/find/follower.ts";
import type { HostEvent } from "../../../src/find/host-event.ts";
import { Mirror } from "../../../src/find/mirror.ts";
import type { Listing } from "../../../src/store/store.ts";
import { type FaultyStore, faultyStore } from "./faulty-store.ts";
import { deleteHost, makeStage, putHost, putInfo, service, show, type Stage } from "./stage.ts";

let stage: Stage;
let faulty: FaultyStore;
let mirror: Mirror;
let told: string[];

beforeEach(async () => {
  stage = makeStage((context) => {
    faulty = faultyStore(context.store);
    return { store: faulty.store };
  });
  putHost(stage.store, "a");
  putHost(stage.store, "b");
  mirror = new Mirror(service, stage.context);
  told = [];
  mirror.follow(recorder(told));
  await stage.settle();
  told.length = 0;
});

afterEach(async () => {
  mirror.close();
  await stage.settle();
  expect(stage.clock.timers).toBe(0);
  expect(stage.log.filter((line) => line.startsWith("error"))).toEqual([]);
});

function recorder(log: string[]): Follower {
  return {
    listed: () => log.push("listed"),
    changed: (events: readonly HostEvent[]) => log.push(events.map(show).join(", ")),
    failed: () => {},
    closed: () => log.push("closed"),
  };
}

/** One that never aborts. */
const { signal } = new AbortController();

const ids = () => mirror.hosts.map((host) => host.uuid);

it("watches from the revision after the one that was read", async () => {
  const before = told.length;
  expect(faulty.reads()).toBe(1);
  expect(faulty.watched).toEqual([{ service, part: "all", from: mirror.freshness.revision + 1 }]);
  putHost(stage.store, "c");
  await stage.settle();
  expect(told.slice(before)).toEqual(["up c"]);
  expect(ids()).toEqual(["a", "b", "c"]);
});

it("keeps one array up with what changes", async () => {
  const { hosts } = mirror;
  putHost(stage.store, "c");
  await stage.settle();
  expect(ids()).toEqual(["a", "b", "c"]);
  expect(mirror.hosts).toBe(hosts);
});

describe("when the watch ends", () => {
  it("because the past was forgotten, tells the difference and watches anew", async () => {
    stage.store.outage(true);
    await stage.settle();
    deleteHost(stage.store, "a");
    putHost(stage.store, "b", { shard: "1" });
    putHost(stage.store, "c");
    stage.store.compact();
    putHost(stage.store, "d");
    stage.store.outage(false);
    await stage.clock.advance(100);
    expect(told).toEqual(["", "update b:1, up c, up d, down a (resync)", ""]);
    expect(mirror.resyncs).toBe(1);
    putHost(stage.store, "e");
    await stage.settle();
    expect(told.at(-1)).toBe("up e");
  });

  it("because another store answers, whose revisions are lower", async () => {
    stage.store.wipe();
    putHost(stage.store, "b");
    await stage.clock.advance(100);
    expect(told).toEqual(["", "down a (resync)", ""]);
    putHost(stage.store, "c");
    await stage.settle();
    expect(told.at(-1)).toBe("up c");
  });

  it("again and again, tries for ever, with growing pauses", async () => {
    for (let round = 0; round < 30; round += 1) {
      const watches = faulty.watched.length;
      faulty.end("refused");
      await stage.clock.advance(2_000);
      expect(faulty.watched.length).toBe(watches + 1);
    }
    faulty.end("refused");
    await stage.clock.advance(900);
    expect(faulty.watched.length).toBe(31);
    await stage.clock.advance(200);
    expect(faulty.watched.length).toBe(32);
    expect(told.filter((line) => line !== "")).toEqual([]);
  });

  it("after a long life, does not wait as long as after many failures", async () => {
    for (let round = 0; round < 10; round += 1) {
      faulty.end("compacted");
      await stage.clock.advance(2_000);
    }
    await stage.clock.advance(10_000);
    const watches = faulty.watched.length;
    faulty.end("compacted");
    await stage.clock.advance(50);
    expect(faulty.watched.length).toBe(watches + 1);
  });
});

describe("freshness", () => {
  it("is live while the watch stands, else counts from when contact was lost", async () => {
    const { revision } = mirror.freshness;
    await stage.clock.advance(1_000);
    expect(mirror.freshness).toEqual({ source: "live", revision, ageMs: 0 });
    stage.store.outage(true);
    await stage.clock.advance(1_500);
    expect(mirror.freshness).toEqual({ source: "stale", revision, ageMs: 1_500 });
    stage.store.outage(false);
    await stage.settle();
    expect(mirror.freshness.source).toBe("live");
    expect(told).toEqual(["", ""]);
    putHost(stage.store, "c");
    await stage.settle();
    expect(mirror.freshness).toEqual({ source: "live", revision: revision + 1, ageMs: 0 });
  });

  it("is stale when the watch is not confirmed in time, live when it is after all", async () => {
    faulty.mute = true;
    const other = new Mirror(service, stage.context);
    await stage.clock.advance(999);
    expect(other.freshness.source).toBe("live");
    await stage.clock.advance(2);
    expect(other.freshness.source).toBe("stale");
    expect(other.failure).toMatchObject({ code: "TIMEOUT" });
    faulty.observer().established();
    expect(other.freshness.source).toBe("live");
    expect(other.failure).toBeUndefined();
    other.close();
  });

  it("is stale before anything was read", async () => {
    stage.store.outage("silent");
    const other = new Mirror("other", stage.context);
    await stage.clock.advance(700);
    expect(other.listed).toBe(false);
    expect(other.freshness).toEqual({ source: "stale", revision: 0, ageMs: 700 });
    other.close();
    stage.store.outage(false);
  });
});

describe("while the store is away", () => {
  it("keeps what it knows, goes on by itself, and warns once", async () => {
    stage.store.outage(true);
    await stage.clock.advance(600_000);
    expect(ids()).toEqual(["a", "b"]);
    stage.store.outage(false);
    putHost(stage.store, "c");
    await stage.settle();
    expect(ids()).toEqual(["a", "b", "c"]);
    expect(faulty.watched).toHaveLength(1);
    expect(stage.log.filter((line) => line.startsWith("warn"))).toHaveLength(1);
  });

  it("reads for the first time when it is back", async () => {
    stage.store.outage(true);
    const other = new Mirror("other", stage.context);
    const log: string[] = [];
    other.follow(recorder(log));
    await stage.clock.advance(60_000);
    expect(other.failure).toMatchObject({ code: "UNAVAILABLE" });
    expect(log).toEqual([]);
    stage.store.outage(false);
    await stage.clock.advance(2_000);
    expect(log).toEqual(["listed"]);
    expect(other.failure).toBeUndefined();
    other.close();
  });
});

describe("contact that comes back", () => {
  /** Loses contact, and has it back with another history: nothing tells what is different in it. */
  async function away(forMs: number, happen: () => void): Promise<void> {
    stage.store.outage(true);
    await stage.clock.advance(forMs);
    faulty.tamper = () => [];
    happen();
    stage.store.outage(false);
    await stage.settle();
    faulty.tamper = undefined;
  }

  const differ = (): void => {
    putInfo(stage.store, "public-domain.dev");
    putHost(stage.store, "a", { shard: "1" });
    deleteHost(stage.store, "b");
    putHost(stage.store, "c");
  };

  it("after a long loss is followed by a comparison soon, which finds what nothing told", async () => {
    await away(3_000, differ);
    expect(ids()).toEqual(["a", "b"]);
    await stage.clock.advance(20_000);
    expect(mirror.hosts.map(({ uuid, shard }) => uuid + shard).toSorted()).toEqual(["a1", "c"]);
    expect(mirror.info?.hostname).toBe("public-domain.dev");
    expect(told.slice(2).filter((event) => event !== "")).toEqual([
      "update a:1, up c, down b (resync)",
    ]);
    // Once is enough.
    const reads = faulty.reads();
    await stage.clock.advance(200_000);
    expect(faulty.reads()).toBe(reads);
  });

  it("after a short loss, or none, is not compared before it is time", async () => {
    await away(2_900, differ);
    await stage.clock.advance(200_000);
    expect(faulty.reads()).toBe(1);
    await stage.clock.advance(103_000);
    expect(ids()).toEqual(["a", "c"]);
  });

  it("with a state of before is taken over, though its revisions are older than those known", async () => {
    putInfo(stage.store, "first.dev");
    putHost(stage.store, "a", { shard: "1" });
    const before = await stage.store.read(service, { info: true, hosts: "all" }, { timeoutMs: 1 });
    putInfo(stage.store, "second.dev");
    putHost(stage.store, "a", { shard: "2" });
    await stage.settle();
    faulty.answer = ({ revision }) => ({ ...before, revision: revision + 1 });
    await away(10_000, () => {});
    await stage.clock.advance(20_000);
    expect(mirror.info?.hostname).toBe("first.dev");
    expect(mirror.hosts.map(({ shard }) => shard)).toEqual(["1", ""]);
  });
});

describe("the comparison from time to time", () => {
  const period = 300_000;

  it("finds nothing where nothing was lost", async () => {
    for (let round = 0; round < 3; round += 1) {
      putHost(stage.store, `c${round}`);
      await stage.clock.advance(period);
    }
    expect(faulty.reads()).toBe(4);
    expect(faulty.watched).toHaveLength(1);
    expect(mirror.driftRepaired).toBe(0);
  });

  it("repairs changes that the watch lost, and counts them", async () => {
    faulty.tamper = () => [];
    deleteHost(stage.store, "a");
    putHost(stage.store, "b", { shard: "1" });
    putHost(stage.store, "c");
    putInfo(stage.store, "x");
    await stage.settle();
    faulty.tamper = undefined;
    expect(told).toEqual([]);
    await stage.clock.advance(period + 3_000);
    expect(told.filter((line) => line !== "")).toEqual(["update b:1, up c, down a (resync)"]);
    expect(mirror.info?.hostname).toBe("x");
    expect(mirror.driftRepaired).toBe(4);
    putHost(stage.store, "d");
    await stage.settle();
    expect(told.at(-1)).toBe("up d");
  });

  it("does not take for lost what is on its way", async () => {
    const late: (() => void)[] = [];
    faulty.tamper = (batch) => {
      const observer = faulty.observer();
      late.push(() => observer.changed(batch));
      return [];
    };
    await stage.clock.advance(period - 1);
    deleteHost(stage.store, "a");
    putHost(stage.store, "c");
    await stage.clock.advance(1_000);
    faulty.tamper = undefined;
    for (const deliver of late) deliver();
    await stage.clock.advance(5_000);
    expect(told).toEqual(["down a (expired)", "up c"]);
    expect(mirror.driftRepaired).toBe(0);
    expect(faulty.watched).toHaveLength(1);
  });

  it("starts anew when the store went back in time", async () => {
    faulty.tamper = () => [];
    faulty.answer = (listing: Listing) => ({
      ...listing,
      revision: 1,
      hosts: listing.hosts.slice(1),
    });
    await stage.clock.advance(period + 1_000);
    expect(told.filter((line) => line !== "")).toEqual(["down a (resync)"]);
    expect(faulty.watched.at(-1)?.from).toBe(2);
  });

  it("leaves all as it is when the store cannot be read", async () => {
    stage.store.outage("silent");
    await stage.clock.advance(period + 10_000);
    stage.store.outage(false);
    await stage.settle();
    expect(faulty.watched).toHaveLength(1);
    expect(ids()).toEqual(["a", "b"]);
  });

  it("comes at different times for different mirrors", async () => {
    const readAfter = async (random: number): Promise<number> => {
      const other = makeStage((context) => ({ random: () => random, store: context.store }));
      const counting = faultyStore(other.context.store);
      const one = new Mirror(service, { ...other.context, store: counting.store });
      await other.settle();
      const start = other.clock.now();
      while (counting.reads() < 2) await other.clock.advance(1_000);
      one.close();
      return other.clock.now() - start;
    };
    expect(await readAfter(0)).toBe(240_000);
    expect(await readAfter(0.999)).toBeGreaterThan(355_000);
  });
});

describe("followers", () => {
  it("that come later are told at once that it is listed", () => {
    const log: string[] = [];
    mirror.follow(recorder(log));
    expect(log).toEqual(["listed"]);
  });

  it("that throw harm no others", async () => {
    const fault = () => {
      throw new Error("a fault");
    };
    const undo = mirror.follow({ ...recorder([]), changed: fault });
    const log: string[] = [];
    mirror.follow(recorder(log));
    putHost(stage.store, "c");
    await stage.settle();
    expect(log).toEqual(["listed", "up c"]);
    expect(told).toEqual(["up c"]);
    expect(stage.log.splice(0)).toEqual(["error: a follower threw"]);
    undo();
  });

  it("that leave while they are told something are told nothing more", async () => {
    const log: string[] = [];
    const undo = mirror.follow({
      ...recorder(log),
      changed: () => {
        log.push("changed");
        undo();
      },
    });
    putHost(stage.store, "c");
    putHost(stage.store, "d");
    await stage.settle();
    expect(log).toEqual(["listed", "changed"]);
  });

  it("are told when it is closed, once, and nothing after", async () => {
    mirror.close();
    mirror.close();
    putHost(stage.store, "c");
    await stage.settle();
    expect(told).toEqual(["closed"]);
  });

  it("are told why the first reading fails", async () => {
    faulty.answer = () => {
      throw new DiscoveryError("PERMISSION_DENIED", "no");
    };
    const other = new Mirror("other", stage.context);
    const failures: Error[] = [];
    other.follow({ ...recorder([]), failed: (error) => failures.push(error) });
    await stage.settle();
    expect(failures).toMatchObject([{ code: "PERMISSION_DENIED" }]);
    other.close();
  });

  it("are told when its turn to be read does not come in time, which it keeps waiting for", async () => {
    const turnstile = new Turnstile(1);
    let leave = (): void => {};
    void turnstile.pass(
      new AbortController().signal,
      () => new Promise<void>((resolve) => (leave = resolve)),
    );
    const other = new Mirror(service, { ...stage.context, turnstile });
    const log: string[] = [];
    other.follow({ ...recorder(log), failed: ({ message }) => log.push(message) });
    await stage.clock.advance(4_900);
    expect(log).toEqual([]);
    await stage.clock.advance(60_000);
    expect(log).toEqual(["following api: its turn to be read has not come in 5000 ms"]);
    expect(other.failure).toMatchObject({ code: "TIMEOUT" });
    expect(stage.log.filter((line) => line.startsWith("warn"))).toHaveLength(1);
    leave();
    await stage.settle();
    expect(log.slice(1)).toEqual(["listed"]);
    expect(other.freshness.source).toBe("live");
    expect(other.failure).toBeUndefined();
    other.close();
  });

  it("are not told of the line once it is read, however long that takes", async () => {
    const turnstile = new Turnstile(1);
    let leave = (): void => {};
    void turnstile.pass(signal, () => new Promise<void>((resolve) => (leave = resolve)));
    const other = new Mirror(service, { ...stage.context, turnstile });
    const log: string[] = [];
    other.follow({ ...recorder(log), failed: ({ message }) => log.push(message) });
    await stage.clock.advance(4_000);
    stage.store.outage("silent");
    leave();
    await stage.clock.advance(4_000);
    stage.store.outage(false);
    await stage.settle();
    expect(log).toEqual(["listed"]);
    other.close();
  });
});

it("reports a malformed record and keeps the host as it was", async () => {
  const hosts = mirror.hosts;
  stage.store.put(service, { kind: "host", id: "a" }, "[]");
  await stage.settle();
  expect(stage.malformed).toMatchObject([{ service, kind: "host", id: "a" }]);
  expect(mirror.hosts).toBe(hosts);
  await stage.clock.advance(1_000_000);
  expect(mirror.driftRepaired).toBe(0);
  expect(stage.malformed).toHaveLength(1);
});
