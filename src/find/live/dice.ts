import { mixed } from "./hash.ts";

/**
 * Whole numbers by chance, for picks: where the first one comes from decides all of them, so that one
 * look at the source is enough. Other than `Math.random` it allocates nothing.
 */
export class Dice {
  #state: number;

  /** @param random a number from 0 up to 1 */
  constructor(random: () => number) {
    this.#state = Math.floor(random() * 2 ** 32) | 0;
  }

  /** From 0 to 2³² - 1. */
  roll(): number {
    // Steps through all 32-bit numbers (a Weyl sequence), each of which is mixed up.
    this.#state = (this.#state + 0x9e3779b9) | 0;
    return mixed(this.#state);
  }

  /** From 0 up to `count`, which is not among them; 0 if that is 0. */
  below(count: number): number {
    return Math.floor((this.roll() / 2 ** 32) * count);
  }
}
