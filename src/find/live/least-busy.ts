import { Dice } from "./dice.ts";
import { freeOf } from "./random.ts";
import type { Candidate, Picker, Strategy } from "./strategy.ts";

/**
 * Of two hosts at random, the one with fewer uses in flight for its weight ("power of two choices").
 * Busyness is what this process has under way by the pool's `use` and `begin`; for plain picks,
 * which nobody sees end, it is the same as {@link random}.
 */
export function leastBusy(): Strategy {
  return { picker: (draw) => new LeastBusyPicker(draw) };
}

class LeastBusyPicker implements Picker {
  readonly #dice: Dice;
  #candidates: readonly Candidate[] = [];

  constructor(draw: () => number) {
    this.#dice = new Dice(draw);
  }

  update(candidates: readonly Candidate[]): void {
    this.#candidates = candidates;
  }

  pick(_key: string | undefined, excluded: ReadonlySet<string> | undefined): number {
    if (excluded !== undefined) return this.#pickFree(freeOf(this.#candidates, excluded));
    const count = this.#candidates.length;
    const first = this.#dice.below(count);
    return count === 1 ? first : this.#lessBusy(first, this.#other(first, count));
  }

  #pickFree(free: readonly number[]): number {
    const first = this.#dice.below(free.length);
    const index = free[first] ?? -1;
    if (free.length < 2) return index;
    return this.#lessBusy(index, free[this.#other(first, free.length)] ?? index);
  }

  /** Another one than `first`: of two draws of the same host the busiest one would be picked too often. */
  #other(first: number, count: number): number {
    const other = first + 1 + this.#dice.below(count - 1);
    return other < count ? other : other - count;
  }

  #lessBusy(first: number, second: number): number {
    const one = this.#candidates[first];
    const other = this.#candidates[second];
    if (one === undefined || other === undefined) return first;
    // Whoever does nothing is taken without a look at the hosts, which lie somewhere else in memory.
    if (one.inFlight === 0) return first;
    if (other.inFlight === 0) return second;
    return one.inFlight * other.host.weight <= other.inFlight * one.host.weight ? first : second;
  }
}
