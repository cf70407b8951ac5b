import { Dice } from "./dice.ts";
import type { Candidate, Picker, Strategy } from "./strategy.ts";

/** Any host, each as likely as every other. */
export function random(): Strategy {
  return { picker: (draw) => new RandomPicker(draw) };
}

class RandomPicker implements Picker {
  readonly #dice: Dice;
  #candidates: readonly Candidate[] = [];

  constructor(draw: () => number) {
    this.#dice = new Dice(draw);
  }

  update(candidates: readonly Candidate[]): void {
    this.#candidates = candidates;
  }

  pick(_key: string | undefined, excluded: ReadonlySet<string> | undefined): number {
    if (excluded === undefined) return this.#dice.below(this.#candidates.length);
    const free = freeOf(this.#candidates, excluded);
    return free[this.#dice.below(free.length)] ?? -1;
  }
}

/** The indexes of those that are not excluded. */
export function freeOf(
  candidates: readonly Candidate[],
  excluded: ReadonlySet<string>,
): readonly number[] {
  const free: number[] = [];
  for (const [index, { host }] of candidates.entries()) {
    if (!excluded.has(host.uuid)) free.push(index);
  }
  return free;
}
