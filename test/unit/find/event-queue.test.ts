import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { EventQueue } from "../../../src/find/event-queue.ts";
import type { HostEvent } from "../../../src/find/host-event.ts";
import { Host } from "../../../src/model/host.ts";
import { hostRecord } from "./stage.ts";

const version = (shard: string, id = "a") => new Host(hostRecord(id, { shard }));
const up = (host: Host): HostEvent => ({ type: "up", host });
const update = (previous: Host, host: Host): HostEvent => ({ type: "update", host, previous });
const down = (host: Host): HostEvent => ({ type: "down", host, reason: "expired" });

function merged(...events: readonly HostEvent[]): readonly HostEvent[] {
  const queue = new EventQueue();
  for (const event of events) queue.push(event);
  return [...drain(queue)];
}

function* drain(queue: EventQueue): Generator<HostEvent> {
  for (let event = queue.take(); event !== undefined; event = queue.take()) yield event;
}

describe("news of one host that was not taken yet", () => {
  const [one, two, three] = [version("1"), version("2"), version("3")];

  it("up, update: up with the newest record", () => {
    expect(merged(up(one), update(one, two))).toEqual([up(two)]);
  });

  it("up, down: nothing", () => {
    expect(merged(up(one), down(one))).toEqual([]);
  });

  it("up, update, down: nothing", () => {
    expect(merged(up(one), update(one, two), down(two))).toEqual([]);
  });

  it("update, update: update from the first record to the newest", () => {
    const [event] = merged(update(one, two), update(two, three));
    expect(event?.previous).toBe(one);
    expect(event?.host).toBe(three);
  });

  it("update, down: down with the newest record", () => {
    const [event] = merged(update(one, two), down(two));
    expect(event?.type).toBe("down");
    expect(event?.host).toBe(two);
  });

  it("down, up with another record: update from the host that went", () => {
    const [event] = merged(down(one), up(two));
    expect(event?.type).toBe("update");
    expect(event?.previous).toBe(one);
    expect(event?.host).toBe(two);
  });

  it("down, up with the same record: nothing", () => {
    expect(merged(down(one), up(version("1")))).toEqual([]);
  });

  it("update, down, up with the record that went: still the update, which was not told yet", () => {
    const [event] = merged(update(one, two), down(two), up(version("2")));
    expect(event?.type).toBe("update");
    expect(event?.previous).toBe(one);
  });

  it("update, down, up with the record that was told: nothing", () => {
    expect(merged(update(one, two), down(two), up(version("1")))).toEqual([]);
  });

  it("keeps the order in which hosts first had news", () => {
    const [a, b, c] = [version("1", "a"), version("1", "b"), version("1", "c")];
    const queue = new EventQueue();
    for (const event of [up(a), up(b), up(c), down(b)]) queue.push(event);
    expect(queue.take()?.host).toBe(a);
    queue.push(up(b));
    queue.push(up(a));
    expect([...drain(queue)].map((event) => event.host.uuid)).toEqual(["c", "b", "a"]);
  });
});

/** What happens in a test of the model: a host gets a record, or goes, or the reader takes one event. */
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      id: fc.constantFrom("a", "b", "c"),
      shard: fc.constantFrom("1", "2", "3", undefined),
    }),
  },
  { weight: 1, arbitrary: fc.constant("take" as const) },
);

it("tells a reader, however slow, what leads from what it knew to what there is", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new EventQueue();
      const store = new Map<string, Host>();
      const reader = new Map<string, Host>();
      const read = (event: HostEvent) => {
        const { uuid } = event.host;
        const known = reader.get(uuid);
        // Never an up of a host that is known, never news of one that is not; no lost `previous`.
        expect(event.type === "up").toBe(known === undefined);
        if (event.type === "update") expect(event.previous.shard).toBe(known?.shard);
        if (event.type === "down") reader.delete(uuid);
        else reader.set(uuid, event.host);
      };
      for (const next of steps) {
        if (next === "take") {
          const event = queue.take();
          if (event !== undefined) read(event);
          continue;
        }
        const { id, shard } = next;
        const previous = store.get(id);
        if (shard === undefined) {
          store.delete(id);
          if (previous !== undefined) queue.push(down(previous));
        } else if (previous?.shard !== shard) {
          const host = version(shard, id);
          store.set(id, host);
          queue.push(previous === undefined ? up(host) : update(previous, host));
        }
      }
      const rest = [...drain(queue)];
      for (const event of rest) read(event);
      const ids = rest.map((event) => event.host.uuid);
      expect(new Set(ids).size).toBe(ids.length);
      const versions = (hosts: Map<string, Host>) =>
        [...hosts.values()].map((host) => `${host.uuid}:${host.shard}`).sort();
      expect(versions(reader)).toEqual(versions(store));
    }),
    { numRuns: 300 },
  );
});

it("takes many pending events in about the time in which they were put in", () => {
  const hosts = Array.from({ length: 100_000 }, (_, index) => version("", `h${index}`));
  const queue = new EventQueue();
  const start = performance.now();
  for (const host of hosts) queue.push(up(host));
  const middle = performance.now();
  let taken = 0;
  while (queue.take() !== undefined) taken += 1;
  const end = performance.now();
  expect(taken).toBe(hosts.length);
  // Always from the front of a map it is 50 times as much.
  expect(end - middle).toBeLessThan(10 * (middle - start));
});
