import { expect, it } from "vitest";
import { type Owner, Ring } from "../../../../src/find/live/ring.ts";

/** So many that a few points fall on each other. */
const owners: readonly Owner[] = Array.from({ length: 300 }, (_, index) => ({
  id: `${index}-node-${index}.internal.dev`,
  points: 1_000,
}));

/** Whose the places are, one after the other. */
function idsOf(ring: Ring, on: readonly Owner[]): string[] {
  const bySlot = new Map(on.map(({ id }) => [ring.slotOf(id), id]));
  return Array.from({ length: ring.size }, (_, place) => bySlot.get(ring.owner(place)) ?? "");
}

it("is the same whatever came and went before, down to points that fall on each other", () => {
  const one = new Ring();
  one.update(owners);
  const other = new Ring();
  other.update([...owners.slice(100), { id: "stranger", points: 5_000 }].reverse());
  other.update(owners.map(({ id, points }, index) => ({ id, points: points + (index % 2) })));
  other.update([...owners].reverse());
  expect(one.size).toBe(300_000);
  const [first, second] = [idsOf(one, owners), idsOf(other, owners)];
  // Compared as one text each, as so many comparisons by the test runner take their time.
  expect(first.join("|") === second.join("|")).toBe(true);
});

it("finds the next point, and after the last one the first", () => {
  const ring = new Ring();
  ring.update([
    { id: "a", points: 3 },
    { id: "b", points: 2 },
  ]);
  const places = Array.from({ length: 64 }, (_, step) => ring.find(step * 2 ** 26));
  expect(new Set(places).size).toBeGreaterThan(1);
  expect(ring.find(2 ** 32 - 1)).toBe(0);
  const turns = places.filter((place, index) => place < (places[index - 1] ?? 0)).length;
  expect(turns).toBeLessThanOrEqual(1);
});

it("gives slots that became free to others, so that they do not run out", () => {
  const ring = new Ring();
  for (let round = 0; round < 100; round += 1) {
    ring.update([
      { id: `a-${round}`, points: 1 },
      { id: `b-${round}`, points: 1 },
    ]);
  }
  expect(ring.slots).toBe(2);
  expect(ring.size).toBe(2);
});
