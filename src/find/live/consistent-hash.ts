import { optionsBag } from "../../arguments.ts";
import { refuse, shown } from "../../model/refuse.ts";
import { Dice } from "./dice.ts";
import { hash } from "./hash.ts";
import { Ring } from "./ring.ts";
import type { Candidate, Picker, Strategy } from "./strategy.ts";

export interface ConsistentHashOptions {
  /**
   * How many places on the ring a host of weight 1 has: 1 to 10,000. More of them share keys out more
   * evenly (with 160 the busiest host has some 1.3 times the average), fewer take less memory and
   * time when hosts come and go: 40 is enough for fleets beyond 5,000 hosts. All processes that are
   * to agree need the same number. Default: 160.
   */
  readonly points?: number | undefined;
}

/**
 * The same `key` to the same host, in every process; when hosts come or go, only the keys of these
 * move. A pick without a key is a random one. Hosts get keys by their `weight`, which is
 * to be around 1: above 10 it counts as 10. Throws
 * `INVALID_ARGUMENT`.
 */
export function consistentHash(options?: ConsistentHashOptions | undefined): Strategy {
  const { points = 160 } = optionsBag(options, { points: true });
  if (!Number.isInteger(points) || points < 1 || points > 10_000) {
    refuse("points", `must be a whole number from 1 to 10000, not ${shown(points)}`);
  }
  return { picker: (draw) => new RingPicker(draw, points) };
}

/** The highest weight that has its share, or fleets whose weights are all in the hundreds would fill the memory with points. */
const heaviest = 10;

class RingPicker implements Picker {
  readonly #dice: Dice;
  readonly #pointsEach: number;
  readonly #ring = new Ring();
  #candidates: readonly Candidate[] = [];

  /** By slot of the ring: the index of the candidate. */
  #indexes: Uint32Array = new Uint32Array(0);

  constructor(draw: () => number, pointsEach: number) {
    this.#dice = new Dice(draw);
    this.#pointsEach = pointsEach;
  }

  update(candidates: readonly Candidate[]): void {
    this.#candidates = candidates;
    const ring = this.#ring;
    ring.update(
      candidates.map(({ host }) => ({
        id: host.uuid,
        points: Math.max(1, Math.round(this.#pointsEach * Math.min(host.weight, heaviest))),
      })),
    );
    this.#indexes = new Uint32Array(ring.slots);
    for (const [index, { host }] of candidates.entries()) {
      this.#indexes[ring.slotOf(host.uuid)] = index;
    }
  }

  pick(key: string | undefined, excluded: ReadonlySet<string> | undefined): number {
    const ring = this.#ring;
    const number = key === undefined ? this.#dice.roll() : hash(key);
    let place = ring.find(number);
    if (excluded === undefined) return this.#indexes[ring.owner(place)] ?? -1;
    for (let count = ring.size; count > 0; count -= 1) {
      const index = this.#indexes[ring.owner(place)] ?? -1;
      const uuid = this.#candidates[index]?.host.uuid;
      if (uuid !== undefined && !excluded.has(uuid)) return index;
      place = place + 1 < ring.size ? place + 1 : 0;
    }
    return -1;
  }
}
