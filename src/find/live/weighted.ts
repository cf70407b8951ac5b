import type { Candidate, Picker, Strategy } from "./strategy.ts";

/**
 * By turns, each host as often as its `weight` says, and spread out: of weights 5, 1 and 1 the first
 * host never gets its five turns in a row.
 */
export function weighted(): Strategy {
  return { picker: (draw) => new WeightedPicker(draw) };
}

class WeightedPicker implements Picker {
  readonly #draw: () => number;
  #candidates: readonly Candidate[] = [];

  /** Indexes of candidates, in the order in which they are picked, again and again. */
  #turns: Uint32Array = new Uint32Array(0);
  #next = 0;

  constructor(draw: () => number) {
    this.#draw = draw;
  }

  update(candidates: readonly Candidate[]): void {
    this.#candidates = candidates;
    this.#turns = turnsOf(candidates.map(({ host }) => host.weight));
    // Anywhere, for the beginning is not the same as the whole: where hosts change often, only the beginning is used.
    this.#next = Math.floor(this.#draw() * this.#turns.length);
  }

  pick(_key: string | undefined, excluded: ReadonlySet<string> | undefined): number {
    if (excluded === undefined) return this.#turn();
    for (let count = this.#turns.length; count > 0; count -= 1) {
      const index = this.#turn();
      const uuid = this.#candidates[index]?.host.uuid;
      if (uuid !== undefined && !excluded.has(uuid)) return index;
    }
    return -1;
  }

  #turn(): number {
    const index = this.#turns[this.#next] ?? 0;
    this.#next = this.#next + 1 < this.#turns.length ? this.#next + 1 : 0;
    return index;
  }
}

/** Up to so many turns, weights have their exact share; beyond, the nearest whole number of turns. */
const mostTurns = 65_536;

/** However many hosts there are, the average one has that many turns, so that rounding does no harm. */
const leastTurnsEach = 8;

/** Its multiples, but for what is before the point, spread evenly however many there are. */
const goldenRatio = (Math.sqrt(5) - 1) / 2;

/** Leaves room for the index in the 53 bits of a number. */
const indexRange = 2 ** 21;
const momentRange = 2 ** 32;

/**
 * Indexes of weights, each as often as its weight says relative to the others. Whoever has `w` turns
 * has one in each `w`th part of the way round ("earliest deadline first", worked out once), at a point
 * of it that is another one for each, or all those of weight 1 would come in a row.
 */
export function turnsOf(weights: readonly number[]): Uint32Array {
  const counts = turnCounts(weights);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === counts.length) return Uint32Array.from(counts.keys());
  // The moment of a turn and whose it is in one number: these sort many times faster than pairs.
  const moments = new Float64Array(total);
  let at = 0;
  for (const [index, count] of counts.entries()) {
    const phase = (0.5 + index * goldenRatio) % 1;
    for (let turn = 0; turn < count; turn += 1) {
      const moment = Math.floor(((turn + phase) / count) * momentRange);
      moments[at] = moment * indexRange + index;
      at += 1;
    }
  }
  return Uint32Array.from(moments.sort(), (moment) => moment % indexRange);
}

/** How many turns each has in one round. */
function turnCounts(weights: readonly number[]): readonly number[] {
  return exactCounts(weights) ?? roundedCounts(weights);
}

/** The smallest whole numbers that stand to each other as the weights do, if they are not too large. */
function exactCounts(weights: readonly number[]): readonly number[] | undefined {
  for (const factor of [1, 10, 100, 1_000]) {
    const counts = weights.map((weight) => Math.round(weight * factor));
    const exact = counts.every(
      (count, index) => Math.abs(count - (weights[index] ?? 0) * factor) < 1e-9 * count,
    );
    if (!exact) continue;
    const divisor = counts.reduce(greatestCommonDivisor, 0);
    const total = counts.reduce((sum, count) => sum + count, 0) / divisor;
    if (total <= Math.max(mostTurns, weights.length)) return counts.map((count) => count / divisor);
  }
  return undefined;
}

function roundedCounts(weights: readonly number[]): readonly number[] {
  // By the largest first, as the sum of very large weights may be beyond all numbers.
  const largest = weights.reduce((most, weight) => Math.max(most, weight));
  const sum = weights.reduce((total, weight) => total + weight / largest, 0);
  const turns = Math.max(mostTurns, leastTurnsEach * weights.length);
  return weights.map((weight) => Math.max(1, Math.round((weight / largest / sum) * turns)));
}

function greatestCommonDivisor(one: number, other: number): number {
  let [a, b] = [one, other];
  while (b > 0) [a, b] = [b, a % b];
  return a;
}
