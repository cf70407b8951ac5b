import fc from "fast-check";
import { expect, it } from "vitest";

import type { HostEvent } from "../../../src/find/host-event.ts";
import type { Host } from "../../../src/model/host.ts";
import { collect, deleteHost, makeStage, putHost, putInfo, service, type Stage } from "./stage.ts";

/** Whatever may happen, in any order. */
type Step =
  | { readonly kind: "put" | "delete"; readonly id: string; readonly shard: string }
  | { readonly kind: "info"; readonly hostname: string }
  | { readonly kind: "away" | "silent" | "back" | "compact" | "wipe" | "read" | "neighbour" }
  | { readonly kind: "pass"; readonly ms: number };

const id = fc.constantFrom("a", "b", "c", "d");
const shard = fc.constantFrom("1", "2");
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("put" as const), id, shard }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("delete" as const), id, shard }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("info" as const),
      hostname: fc.constantFrom("x.dev", "y.dev"),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "away",
        "silent",
        "back",
        "back",
        "compact",
        "wipe",
        "read",
        "neighbour",
      ),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("pass" as const),
      ms: fc.constantFrom(0, 0, 60, 3_000, 400_000),
    }),
  },
);

async function take({ store, clock }: Stage, done: Step, read: () => void): Promise<void> {
  switch (done.kind) {
    case "put":
      return putHost(store, done.id, { shard: done.shard });
    case "delete":
      return deleteHost(store, done.id);
    case "info":
      return putInfo(store, done.hostname);
    case "away":
      return store.outage(true);
    case "silent":
      return store.outage("silent");
    case "back":
      return store.outage(false);
    case "compact":
      return store.compact();
    case "wipe":
      return store.wipe();
    case "neighbour":
      return store.put(`${service}-b`, { kind: "host", id: "a" }, "no record at all");
    case "read":
      return read();
    case "pass":
      return clock.advance(done.ms);
  }
}

const inBrief = (hosts: Iterable<Host>): string[] =>
  [...hosts].map((host) => `${host.uuid}:${host.shard}`).sort();

/** What a reader knows who was told only this; fails where an event does not fit what came before. */
function knownFrom(events: readonly HostEvent[]): string[] {
  const known = new Map<string, Host>();
  for (const { type, host, previous } of events) {
    const before = known.get(host.uuid);
    expect(before === undefined, `${type} ${host.uuid}`).toBe(type === "up");
    if (type === "update") expect(previous?.shard).toBe(before?.shard);
    if (type === "down") known.delete(host.uuid);
    else known.set(host.uuid, host);
  }
  return inBrief(known.values());
}

async function there({ store }: Stage): Promise<string[]> {
  const listing = await store.read(service, { info: false, hosts: "all" }, { timeoutMs: 1_000 });
  return listing.hosts
    .map(({ id, value }) => {
      const { shard } = JSON.parse(new TextDecoder().decode(value)) as { shard: string };
      return `${id}:${shard}`;
    })
    .sort();
}

it("whatever happens to the store, every reader ends up with what is there, told without a break", async () => {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const stage = makeStage();
    const { mirrors, clock, store } = stage;
    const eager = collect(mirrors.subscribe(service, { existing: true }), (event) => event);
    const slow = mirrors.subscribe(service, { existing: true });
    const slowly: HostEvent[] = [];
    const view = collect(mirrors.changes(service), (seen) => seen);
    const read = (): void => {
      void slow.next().then(({ value }) => value !== undefined && slowly.push(value));
    };

    for (const done of steps) await take(stage, done, read);
    store.outage(false);
    // Longer than any pause between two tries, and than a silent call takes to fail.
    await clock.advance(20_000);

    const expected = await there(stage);
    expect(knownFrom(eager.items)).toEqual(expected);
    expect(inBrief(view.items.at(-1)?.hosts ?? [])).toEqual(expected);
    expect(view.items.at(-1)?.freshness.source).toBe("live");
    for (let news = 0; news < 10; news += 1) read();
    await stage.settle();
    expect(knownFrom(slowly)).toEqual(expected);

    // Nothing more to tell, not even by a comparison with the store.
    const told = eager.items.length;
    await clock.advance(400_000);
    expect(eager.items).toHaveLength(told);

    mirrors.close();
    await Promise.all([eager.ended, view.ended]);
    await stage.settle();
    expect([clock.timers, stage.holders(), stage.malformed]).toEqual([0, 0, []]);
  });
  await fc.assert(property, { numRuns: 200 });
});
