import { expect, test } from "vitest";
import { Dice } from "../../../../src/find/live/dice.ts";

/** How often each of `count` comes when `next` says which. */
function tally(count: number, draws: number, next: () => number): number[] {
  const found = Array.from({ length: count }, () => 0);
  for (let draw = 0; draw < draws; draw += 1) {
    const number = next();
    found[number] = (found[number] ?? 0) + 1;
  }
  return found;
}

/** Five standard deviations, as of a binomial distribution. */
function expectEven(found: readonly number[], draws: number): void {
  const share = 1 / found.length;
  const bound = 5 * Math.sqrt(draws * share * (1 - share));
  for (const count of found) expect(Math.abs(count - draws * share)).toBeLessThanOrEqual(bound);
}

test("all numbers come from the first one, for which the source is asked once", () => {
  let asked = 0;
  const dice = (first: number): Dice =>
    new Dice(() => {
      asked += 1;
      return first;
    });
  const run = (first: number): number[] => {
    const own = dice(first);
    return Array.from({ length: 100 }, () => own.below(1_000));
  };
  expect(run(0.3)).toEqual(run(0.3));
  expect(run(0.3)).not.toEqual(run(0.30001));
  expect(asked).toBe(4);
});

test.each([0, 0.25, 0.5, 1 - 2 ** -53])(
  "numbers are whole, from 0 on and below what is asked for, after a first one of %d",
  (first) => {
    const dice = new Dice(() => first);
    expect(dice.below(0)).toBe(0);
    for (const count of [1, 2, 3, 50, 10_000, 2 ** 24 + 1, 2 ** 31]) {
      const found = Array.from({ length: 2_000 }, () => dice.below(count));
      expect(found.filter((number) => !Number.isInteger(number))).toEqual([]);
      expect(Math.min(...found)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...found)).toBeLessThan(count);
      // As far up as so many draws come.
      expect(Math.max(...found)).toBeGreaterThanOrEqual(Math.floor(count * 0.99) - 1);
    }
    const rolls = Array.from({ length: 2_000 }, () => dice.roll());
    expect(Math.min(...rolls)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...rolls)).toBeGreaterThan(2 ** 31);
  },
);

test.each([2, 3, 7, 50, 64, 1_000])("each of %d numbers comes as often as every other", (count) => {
  const dice = new Dice(() => 0.7);
  const draws = 100_000;
  expectEven(
    tally(count, draws, () => dice.below(count)),
    draws,
  );
});

test.each([2, 3, 8, 50])("which of %d numbers comes says nothing of the next ones", (count) => {
  const dice = new Dice(() => 0.1);
  const draws = 100_000;
  const pair = (): number => dice.below(count) * count + dice.below(count);
  expectEven(tally(count ** 2, draws, pair), draws);
  // Nor of the one after the next, as where each pick takes two.
  const apart = (): number => {
    const first = dice.below(count);
    dice.below(count - 1);
    return first * count + dice.below(count);
  };
  expectEven(tally(count ** 2, draws, apart), draws);
});
