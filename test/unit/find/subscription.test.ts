import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { DiscoveryError } from "../../../src/errors.ts";
import type { Mirrors } from "../../../src/find/mirrors.ts";
import type { Host } from "../../../src/model/host.ts";
import { type FaultyStore, faultyStore } from "./faulty-store.ts";
import { collect, deleteHost, makeStage, putHost, service, show, type Stage } from "./stage.ts";

let stage: Stage;
let faulty: FaultyStore;
let mirrors: Mirrors;

beforeEach(() => {
  stage = makeStage((context) => {
    faulty = faultyStore(context.store);
    return { store: faulty.store };
  });
  mirrors = stage.mirrors;
});

afterEach(async () => {
  mirrors.close();
  await stage.settle();
  expect(stage.clock.timers).toBe(0);
  expect(stage.holders()).toBe(0);
});

const uuid = (host: Host) => host.uuid;

describe("what is told", () => {
  it("begins with the first change after it was called, not with the hosts there are", async () => {
    putHost(stage.store, "a");
    const subscription = mirrors.subscribe(service);
    await stage.settle();
    putHost(stage.store, "b");
    putHost(stage.store, "a", { shard: "1" });
    deleteHost(stage.store, "b");
    await stage.settle();
    putHost(stage.store, "c");
    await stage.settle();
    const events = collect(subscription, show);
    await stage.settle();
    expect(events.take()).toEqual(["update a:1", "up c"]);
    deleteHost(stage.store, "c");
    await stage.settle();
    expect(events.take()).toEqual(["down c (expired)"]);
  });

  it("includes the hosts that are there when asked for, first", async () => {
    putHost(stage.store, "a");
    putHost(stage.store, "b");
    const early = collect(mirrors.subscribe(service, { existing: true }), show);
    await stage.settle();
    const late = collect(mirrors.subscribe(service, { existing: true }), show);
    putHost(stage.store, "c");
    await stage.settle();
    expect(early.items).toEqual(["up a", "up b", "up c"]);
    expect(late.items).toEqual(["up a", "up b", "up c"]);
  });

  it("holds the host before a change, and the newest one after it went", async () => {
    putHost(stage.store, "a", { shard: "1" });
    const subscription = mirrors.subscribe(service);
    await subscription.waitReady();
    putHost(stage.store, "a", { shard: "2" });
    const { value: update } = await subscription.next();
    expect(update).toMatchObject({
      type: "update",
      host: { shard: "2" },
      previous: { shard: "1" },
    });
    putHost(stage.store, "a", { shard: "3", draining: true });
    deleteHost(stage.store, "a");
    await stage.settle();
    expect(await subscription.next()).toMatchObject({
      done: false,
      value: { type: "down", host: { shard: "3" }, reason: "unregistered" },
    });
  });

  it("is, for subscribeNew, the hosts that come", async () => {
    putHost(stage.store, "a");
    const fresh = collect(mirrors.subscribeNew(service), uuid);
    const all = collect(mirrors.subscribeNew(service, { existing: true }), uuid);
    await stage.settle();
    putHost(stage.store, "a", { shard: "1" });
    putHost(stage.store, "b");
    await stage.settle();
    deleteHost(stage.store, "a");
    await stage.settle();
    putHost(stage.store, "a");
    await stage.settle();
    expect(fresh.items).toEqual(["b", "a"]);
    expect(all.items).toEqual(["a", "b", "a"]);
  });

  it("is, for subscribeDown, the hosts that go, as they were last known", async () => {
    putHost(stage.store, "a");
    const gone = collect(mirrors.subscribeDown(service), (host) => `${host.uuid}:${host.shard}`);
    await stage.settle();
    putHost(stage.store, "b");
    putHost(stage.store, "a", { shard: "1" });
    await stage.settle();
    deleteHost(stage.store, "a");
    await stage.settle();
    expect(gone.items).toEqual(["a:1"]);
  });

  it("leaves other services out, also one whose name begins with this one's", async () => {
    const events = collect(mirrors.subscribe(service), show);
    await stage.settle();
    stage.store.put(`${service}-b`, { kind: "host", id: "x" }, "{}");
    await stage.settle();
    expect(events.items).toEqual([]);
  });

  it("goes on through an outage, a compaction and a wipe", async () => {
    putHost(stage.store, "a");
    putHost(stage.store, "b");
    const events = collect(mirrors.subscribe(service), show);
    await stage.settle();
    stage.store.outage(true);
    await stage.settle();
    deleteHost(stage.store, "a");
    putHost(stage.store, "b");
    stage.store.compact();
    stage.store.outage(false);
    await stage.clock.advance(1_000);
    expect(events.take()).toEqual(["down a (resync)"]);
    stage.store.wipe();
    await stage.clock.advance(1_000);
    expect(events.take()).toEqual(["down b (resync)"]);
    putHost(stage.store, "b");
    await stage.settle();
    expect(events.take()).toEqual(["up b"]);
  });
});

describe("the memory of a reader that does not come", () => {
  it("does not grow with the changes", async () => {
    putHost(stage.store, "a");
    const subscription = mirrors.subscribe(service);
    await stage.settle();
    for (let round = 0; round < 500; round += 1) {
      putHost(stage.store, "a", { shard: String(round) });
      putHost(stage.store, `b${round}`);
      await stage.settle();
      deleteHost(stage.store, `b${round}`);
      await stage.settle();
    }
    const events = collect(subscription, show);
    await stage.settle();
    expect(events.items).toEqual(["update a:499"]);
  });
});

describe("followers of one service", () => {
  it("share one reading and one watch, and the last one that leaves closes it", async () => {
    const first = mirrors.subscribe(service);
    const second = mirrors.changes(service);
    const third = mirrors.subscribeDown(service, {});
    await stage.settle();
    expect(faulty.reads()).toBe(1);
    expect(faulty.watched).toHaveLength(1);
    await first.return();
    await third[Symbol.asyncDispose]();
    expect(stage.clock.timers).toBe(1);
    await second.return();
    await stage.settle();
    expect(stage.clock.timers).toBe(0);
    const again = mirrors.subscribe(service);
    await again.waitReady();
    expect(faulty.reads()).toBe(2);
  });

  it("come and go ten thousand times without a trace", async () => {
    const stays = mirrors.subscribe(service);
    await stays.waitReady();
    const { signal } = new AbortController();
    const round = async () => {
      const subscription = mirrors.subscribe(service, { existing: true, signal });
      const waiting = subscription.next();
      await subscription.return();
      expect(await waiting).toEqual({ done: true, value: undefined });
    };
    for (let count = 0; count < 10_000; count += 1) await round();
    expect(stage.holders()).toBe(0);
    expect(stage.clock.timers).toBe(1);
    expect(faulty.reads()).toBe(1);
  });
});

describe("waitReady", () => {
  it("resolves when the service was read, from when on nothing is missed", async () => {
    stage.store.outage(true);
    const subscription = mirrors.subscribe(service);
    let ready = false;
    const waiting = subscription.waitReady().then(() => (ready = true));
    await stage.clock.advance(10_000);
    expect(ready).toBe(false);
    stage.store.outage(false);
    await stage.clock.advance(2_000);
    await waiting;
    putHost(stage.store, "a");
    expect(await subscription.next()).toMatchObject({ value: { type: "up", host: { uuid: "a" } } });
    await subscription.waitReady();
  });

  it.each(["UNAUTHENTICATED", "PERMISSION_DENIED", "CLOSED"] as const)(
    "rejects at once with %s, while the subscription goes on trying",
    async (code) => {
      faulty.answer = () => {
        throw new DiscoveryError(code, "refused");
      };
      const subscription = mirrors.subscribe(service, { existing: true });
      await expect(subscription.waitReady()).rejects.toMatchObject({ code });
      await expect(subscription.waitReady()).rejects.toMatchObject({ code });
      await expect(mirrors.subscribe(service).waitReady()).rejects.toMatchObject({ code });
      faulty.answer = undefined;
      putHost(stage.store, "a");
      await stage.clock.advance(5_000);
      await subscription.waitReady();
      expect(await subscription.next()).toMatchObject({ value: { type: "up" } });
    },
  );

  it("waits again when the refusal gave way to an outage", async () => {
    faulty.answer = () => {
      throw new DiscoveryError("UNAUTHENTICATED", "refused");
    };
    const subscription = mirrors.subscribe(service);
    await expect(subscription.waitReady()).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    faulty.answer = undefined;
    stage.store.outage(true);
    await stage.clock.advance(5_000);
    const waiting = subscription.waitReady();
    stage.store.outage(false);
    await stage.clock.advance(5_000);
    await waiting;
  });

  it("ends with its own signal alone", async () => {
    stage.store.outage(true);
    const subscription = mirrors.subscribe(service);
    const own = new AbortController();
    const waiting = subscription.waitReady({ signal: own.signal });
    const other = subscription.waitReady();
    own.abort("enough");
    await expect(waiting).rejects.toBe("enough");
    await expect(subscription.waitReady({ signal: own.signal })).rejects.toBe("enough");
    expect(stage.holders()).toBe(1);
    stage.store.outage(false);
    await stage.clock.advance(2_000);
    await other;
    expect(stage.holders()).toBe(0);
  });

  it("rejects when the subscription ends", async () => {
    stage.store.outage(true);
    const controller = new AbortController();
    const aborted = mirrors.subscribe(service, { signal: controller.signal });
    const left = mirrors.subscribe(service);
    const waiting = [aborted.waitReady(), left.waitReady(), mirrors.subscribe(service).waitReady()];
    const settled = Promise.allSettled(waiting);
    controller.abort("enough");
    await left.return();
    mirrors.close();
    expect(await settled).toMatchObject([
      { reason: "enough" },
      { reason: { code: "CLOSED" } },
      { reason: { code: "CLOSED" } },
    ]);
    await expect(left.waitReady()).rejects.toMatchObject({ code: "CLOSED" });
    await expect(aborted.waitReady()).rejects.toBe("enough");
  });
});

describe("the end", () => {
  it("by leaving the loop frees everything", async () => {
    const subscription = mirrors.subscribe(service, { existing: true });
    putHost(stage.store, "a");
    putHost(stage.store, "b");
    for await (const event of subscription) {
      expect(show(event)).toBe("up a");
      break;
    }
    await stage.settle();
    expect(stage.clock.timers).toBe(0);
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
  });

  it("by an abort makes the loop throw the reason, and drops what was not read", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error("enough");
    const waiting = collect(mirrors.subscribe(service, { signal }), show);
    const unread = mirrors.subscribe(service, { signal, existing: true });
    await stage.settle();
    putHost(stage.store, "a");
    await stage.settle();
    controller.abort(reason);
    await expect(waiting.ended).rejects.toBe(reason);
    expect(waiting.items).toEqual(["up a"]);
    await expect(unread.next()).rejects.toBe(reason);
    expect(await unread.next()).toEqual({ done: true, value: undefined });
    await stage.settle();
    expect(stage.clock.timers).toBe(0);
  });

  it("may come before the beginning", async () => {
    const subscription = mirrors.subscribe(service, { signal: AbortSignal.abort("never") });
    await expect(collect(subscription, show).ended).rejects.toBe("never");
    await expect(subscription.waitReady()).rejects.toBe("never");
    expect(faulty.reads()).toBe(0);
  });

  it("by close is quiet, also when it comes twice", async () => {
    const reading = collect(mirrors.subscribe(service), show);
    const unread = mirrors.subscribe(service);
    await stage.settle();
    mirrors.close();
    mirrors.close();
    await reading.ended;
    expect(await unread.next()).toEqual({ done: true, value: undefined });
    await unread.return();
  });

  it("by one signal for many is no leak to warn of", async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on("warning", warn);
    const { signal } = new AbortController();
    for (let count = 0; count < 50; count += 1) {
      const subscription = mirrors.subscribe(service, { signal });
      subscription.waitReady({ signal }).catch(() => {});
    }
    await stage.settle();
    process.off("warning", warn);
    expect(warnings).toEqual([]);
  });

  it("forgets the signal, so that a later abort is nothing", async () => {
    const controller = new AbortController();
    const subscription = mirrors.subscribe(service, { signal: controller.signal });
    await subscription.return();
    controller.abort();
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
  });

  it("by await using", async () => {
    const subscription = mirrors.subscribe(service);
    const waiting = subscription.next();
    await subscription[Symbol.asyncDispose]();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });
});

describe("next", () => {
  it("may be called twice before there is news: both are served, in order", async () => {
    const subscription = mirrors.subscribe(service);
    await stage.settle();
    const [first, second, third] = [subscription.next(), subscription.next(), subscription.next()];
    putHost(stage.store, "a");
    await stage.settle();
    expect(stage.holders()).toBe(1);
    putHost(stage.store, "b");
    expect(await first).toMatchObject({ value: { host: { uuid: "a" } } });
    expect(await second).toMatchObject({ value: { host: { uuid: "b" } } });
    await subscription.return();
    expect(await third).toEqual({ done: true, value: undefined });
  });

  it("when several wait at an abort, rejects once", async () => {
    const controller = new AbortController();
    const subscription = mirrors.subscribe(service, { signal: controller.signal });
    const waiting = [subscription.next(), subscription.next()];
    controller.abort("enough");
    expect(await Promise.allSettled(waiting)).toEqual([
      { status: "rejected", reason: "enough" },
      { status: "fulfilled", value: { done: true, value: undefined } },
    ]);
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
  });

  it("holds the process only while it waits", async () => {
    const subscription = mirrors.subscribe(service);
    await stage.settle();
    expect(stage.holders()).toBe(0);
    const waiting = subscription.next();
    expect(stage.holders()).toBe(1);
    putHost(stage.store, "a");
    await waiting;
    expect(stage.holders()).toBe(0);
    putHost(stage.store, "b");
    await stage.settle();
    await subscription.next();
    expect(stage.holders()).toBe(0);
  });

  it("serves a reader that subscribes or leaves while it handles an event", async () => {
    const outer = mirrors.subscribe(service);
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of outer) {
        seen.push(show(event));
        const inner = mirrors.subscribe(service, { existing: true });
        seen.push(`inner ${show((await inner.next()).value ?? event)}`);
        await inner.return();
        if (seen.length === 4) break;
      }
    })();
    await stage.settle();
    putHost(stage.store, "a");
    putHost(stage.store, "b");
    await reading;
    expect(seen).toEqual(["up a", "inner up a", "up b", "inner up a"]);
  });
});

describe("refuses at once", () => {
  const refused: readonly [string, () => unknown][] = [
    ["a name with a slash", () => mirrors.subscribe("a/b")],
    ["an empty name", () => mirrors.subscribeNew("")],
    ["a name that is no string", () => mirrors.changes(undefined as never)],
    ["..", () => mirrors.follow("..", {} as never)],
    ["a signal that is none", () => mirrors.subscribe(service, { signal: {} as never })],
    ["the same, of subscribeDown", () => mirrors.subscribeDown(service, { signal: null as never })],
    ["the same, of changes", () => mirrors.changes(service, { signal: "now" as never })],
    ["existing that is no boolean", () => mirrors.subscribe(service, { existing: 1 as never })],
    ["the same, of subscribeNew", () => mirrors.subscribeNew(service, { existing: "" as never })],
    ["options that are null", () => mirrors.subscribe(service, null as never)],
    ["options that are a string", () => mirrors.changes(service, "now" as never)],
  ];

  it.each(refused)("%s", async (_, call) => {
    expect(call).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    await stage.settle();
    expect(faulty.reads()).toBe(0);
  });

  it("a signal of waitReady that is none", () => {
    const subscription = mirrors.subscribe(service);
    expect(() => subscription.waitReady({ signal: 1 as never })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
    expect(() => subscription.waitReady(null as never)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
  });

  it("everything after close", () => {
    mirrors.close();
    for (const call of [
      () => mirrors.subscribe(service),
      () => mirrors.subscribeNew(service),
      () => mirrors.subscribeDown(service),
      () => mirrors.changes(service),
    ]) {
      expect(call).toThrow(expect.objectContaining({ code: "CLOSED" }));
    }
  });
});
