import type { Candidate, Picker, Strategy } from "./strategy.ts";

/** One host after the other, in the order in which they became known. Begins anywhere, so that many clients do not go round in step. */
export function roundRobin(): Strategy {
  return { picker: (draw) => new RoundRobinPicker(draw) };
}

class RoundRobinPicker implements Picker {
  readonly #draw: () => number;
  #candidates: readonly Candidate[] = [];
  #next = 0;

  constructor(draw: () => number) {
    this.#draw = draw;
  }

  update(candidates: readonly Candidate[]): void {
    const next = this.#candidates[this.#next];
    const first = this.#candidates.length === 0;
    this.#candidates = candidates;
    if (first) this.#next = Math.floor(this.#draw() * candidates.length);
    else {
      // Whose turn it is stays so, though others have gone before it.
      const index = next === undefined ? -1 : candidates.indexOf(next);
      this.#next = index === -1 ? this.#next % candidates.length : index;
    }
  }

  pick(_key: string | undefined, excluded: ReadonlySet<string> | undefined): number {
    if (excluded === undefined) return this.#turn();
    for (let count = this.#candidates.length; count > 0; count -= 1) {
      const index = this.#turn();
      const uuid = this.#candidates[index]?.host.uuid;
      if (uuid !== undefined && !excluded.has(uuid)) return index;
    }
    return -1;
  }

  #turn(): number {
    const index = this.#next;
    this.#next = index + 1 < this.#candidates.length ? index + 1 : 0;
    return index;
  }
}
