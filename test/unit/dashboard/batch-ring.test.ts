import { expect, test } from "vitest";
import { BatchRing } from "../../../src/dashboard/batch-ring.ts";
import { Dirty } from "../../../src/dashboard/dirty.ts";

function batch(...hosts: string[]): Dirty {
  const dirty = new Dirty();
  for (const host of hosts) dirty.hosts.add(host);
  return dirty;
}

test("a ring tells what was different since a batch", () => {
  const ring = new BatchRing();
  expect(ring.last).toBe(0);
  expect(ring.since(0)?.empty).toBe(true);
  ring.push(batch("a"));
  ring.push(batch("b", "a"));
  ring.push(batch("c"));
  expect([...(ring.since(0)?.hosts ?? [])]).toEqual(["a", "b", "c"]);
  expect([...(ring.since(2)?.hosts ?? [])]).toEqual(["c"]);
  expect(ring.since(3)?.empty).toBe(true);
  expect(ring.since(4)).toBeUndefined();
  expect(ring.since(Number.NaN)).toBeUndefined();
});

test("a ring forgets the oldest: beyond so many batches, and beyond so many names", () => {
  const ring = new BatchRing(2, 3);
  for (const name of ["a", "b", "c"]) ring.push(batch(name));
  expect(ring.since(0)).toBeUndefined();
  expect([...(ring.since(1)?.hosts ?? [])]).toEqual(["b", "c"]);
  ring.push(batch("d", "e", "f"));
  expect(ring.since(2)).toBeUndefined();
  expect(ring.since(3)?.size).toBe(3);
  ring.push(batch("g", "h", "i", "j"));
  expect(ring.since(4)).toBeUndefined();
  expect(ring.since(5)?.empty).toBe(true);
});

test("what is different merges: each name once, the log from its first entry", () => {
  const all = batch("a");
  const other = batch("a", "b");
  other.logFrom = 4;
  other.state = true;
  all.logFrom = 7;
  all.add(other);
  expect([...all.hosts]).toEqual(["a", "b"]);
  expect(all).toMatchObject({ logFrom: 4, state: true, empty: false });
});
