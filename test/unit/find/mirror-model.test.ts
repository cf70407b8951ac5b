import fc from "fast-check";
import { expect, it } from "vitest";

import type { HostEvent } from "../../../src/find/host-event.ts";
import type { ServiceView } from "../../../src/find/view-inbox.ts";
import { Host } from "../../../src/model/host.ts";
import { decodeHost } from "../../../src/model/record.ts";
import type { WatchBatch } from "../../../src/store/store.ts";
import { type FaultyStore, faultyStore } from "./faulty-store.ts";
import { collect, deleteHost, makeStage, putHost, putInfo, service, type Stage } from "./stage.ts";

const id = fc.constantFrom("a", "b", "c", "d");
const version = fc.constantFrom("1", "2", "3");

/** What can happen to the store, and to what it tells. */
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ put: id, version }) },
  { weight: 4, arbitrary: fc.record({ delete: id }) },
  { weight: 1, arbitrary: fc.record({ poison: id }) },
  { weight: 1, arbitrary: fc.record({ info: version }) },
  { weight: 1, arbitrary: fc.record({ outage: fc.constantFrom(true, false, "silent" as const) }) },
  { weight: 1, arbitrary: fc.constant("compact" as const) },
  { weight: 1, arbitrary: fc.constant("wipe" as const) },
  { weight: 3, arbitrary: fc.record({ advance: fc.constantFrom(0, 10, 500, 3_000, 20_000) }) },
  { weight: 2, arbitrary: fc.constant("read" as const) },
);

const fault = fc.constantFrom("none", "drop", "twice", "again", "late");

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
type Fault = typeof fault extends fc.Arbitrary<infer F> ? F : never;

/** Delivers batches as servers with faults have done. */
function misbehave(faulty: FaultyStore, faults: readonly Fault[]): void {
  const past: WatchBatch[] = [];
  let late: WatchBatch[] = [];
  let turn = 0;
  faulty.tamper = (batch) => {
    const earlier = late;
    late = [];
    const behaviour = faults[turn % faults.length] ?? "none";
    turn += 1;
    past.push(batch);
    if (behaviour === "drop") return earlier;
    if (behaviour === "twice") return [...earlier, batch, batch];
    if (behaviour === "again") return [...earlier, batch, ...past];
    if (behaviour === "late") {
      late = [batch];
      return earlier;
    }
    return [batch, ...earlier];
  };
}

/** A reader that keeps account of the hosts from what it is told, and finds fault with what makes no sense. */
class Account {
  readonly hosts = new Map<string, Host>();
  readonly faults: string[] = [];

  event({ type, host, previous }: HostEvent): void {
    const known = this.hosts.get(host.uuid);
    if ((type === "up") === (known !== undefined)) this.faults.push(`${type} ${host.uuid}`);
    if (type === "update" && previous.shard !== known?.shard) this.faults.push("wrong previous");
    if (type === "down") this.hosts.delete(host.uuid);
    else this.hosts.set(host.uuid, host);
  }

  view({ hosts, added, updated, removed }: ServiceView): void {
    for (const host of removed) {
      if (!this.hosts.delete(host.uuid)) this.faults.push(`removed ${host.uuid}`);
    }
    for (const host of updated) {
      if (!this.hosts.has(host.uuid)) this.faults.push(`updated ${host.uuid}`);
      this.hosts.set(host.uuid, host);
    }
    for (const host of added) {
      if (this.hosts.has(host.uuid)) this.faults.push(`added ${host.uuid}`);
      this.hosts.set(host.uuid, host);
    }
    if (show(hosts) !== show(this.hosts.values())) this.faults.push("differences do not add up");
  }
}

const show = (hosts: Iterable<Host>) =>
  [...hosts]
    .map((host) => `${host.uuid}:${host.shard}`)
    .sort()
    .join(" ");

const poison = new TextEncoder().encode("poison");
const isPoison = (value: Uint8Array) => Buffer.compare(value, poison) === 0;

async function carryOut(stage: Stage, next: Step, read: () => void): Promise<void> {
  const { store, clock } = stage;
  if (next === "compact") store.compact();
  else if (next === "wipe") store.wipe();
  else if (next === "read") read();
  else if ("put" in next) putHost(store, next.put, { shard: next.version });
  else if ("delete" in next) deleteHost(store, next.delete);
  else if ("poison" in next) store.put(service, { kind: "host", id: next.poison }, poison);
  else if ("info" in next) putInfo(store, next.info);
  else if ("outage" in next) store.outage(next.outage);
  else await clock.advance(next.advance);
}

async function play(steps: readonly Step[], faults: readonly Fault[]): Promise<void> {
  let faulty: FaultyStore | undefined;
  const stage = makeStage((context) => {
    faulty = faultyStore(context.store);
    misbehave(faulty, faults);
    return { store: faulty.store };
  });
  const { mirrors, clock, store } = stage;
  const attentive = new Account();
  collect(mirrors.subscribe(service, { existing: true }), (event) => attentive.event(event));
  const lazy = new Account();
  const events = mirrors.subscribe(service, { existing: true });
  const views = mirrors.changes(service);
  const viewer = new Account();
  let waiting = 0;
  const read = () => {
    if (waiting > 0) return;
    waiting = 2;
    void events.next().then(({ value }) => {
      waiting -= 1;
      if (value !== undefined) lazy.event(value);
    });
    void views.next().then(({ value }) => {
      waiting -= 1;
      if (value !== undefined) viewer.view(value);
    });
  };
  for (const next of steps) await carryOut(stage, next, read);

  // From here on nothing goes wrong any more.
  store.outage(false);
  if (faulty !== undefined) faulty.tamper = undefined;
  await clock.advance(10_000);
  await clock.advance(400_000);
  collect(events, (event) => lazy.event(event));
  let last: ServiceView | undefined;
  collect(views, (view) => {
    viewer.view(view);
    last = view;
  });
  await stage.settle();

  const listing = await store.read(service, { info: true, hosts: "all" }, { timeoutMs: 1_000 });
  const unreadable = new Set<string>();
  const truth: Host[] = [];
  for (const { id: uuid, value } of listing.hosts) {
    if (isPoison(value)) unreadable.add(uuid);
    else truth.push(new Host(decodeHost(value, service, uuid)));
  }
  for (const account of [attentive, lazy, viewer]) {
    expect(account.faults).toEqual([]);
    const readable = [...account.hosts.values()].filter((host) => !unreadable.has(host.uuid));
    expect(show(readable)).toBe(show(truth));
  }
  // A host with a malformed record is as it was last known, or unknown: the same to all.
  expect(show(lazy.hosts.values())).toBe(show(attentive.hosts.values()));
  expect(show(viewer.hosts.values())).toBe(show(attentive.hosts.values()));
  if (last !== undefined) expect(last.freshness.source).toBe("live");
  mirrors.close();
  await stage.settle();
  expect(clock.timers).toBe(0);
}

it("whatever happens, every reader ends with what the store holds", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), (steps) => play(steps, ["none"])),
    { numRuns: 150 },
  );
});

it("also when the server loses, repeats, replays and delays changes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      fc.array(fault, { minLength: 1, maxLength: 6 }),
      play,
    ),
    { numRuns: 150 },
  );
});
