/** So many numbers there are, each of which comes once before they begin anew. */
const range = 2 ** 32;

/**
 * Whole numbers by chance, for picks: where the first one comes from decides all of them, so that one
 * look at the source is enough. Other than `Math.random` it allocates nothing.
 *
 * They are those of a linear congruential generator with a multiplier that Steele and Vigna found to be
 * good ("Computationally easy, spectrally good multipliers", 2021), and nothing mixes them up: their
 * last bits go round and round, but which of some hosts it is the first bits say.
 */
export class Dice {
  #state: number;

  /** @param random a number from 0 up to 1 */
  constructor(random: () => number) {
    this.#state = Math.floor(random() * range) | 0;
  }

  /** From 0 to 2³² - 1. What is made of it has to go by its size, as its last bits are not by chance. */
  roll(): number {
    this.#state = (Math.imul(this.#state, 0xadb4a92d) + 0x6d2b79f5) | 0;
    return this.#state >>> 0;
  }

  /** From 0 up to `count`, which is not among them and no more than 2³¹; 0 if that is 0. */
  below(count: number): number {
    // Cut off rather than rounded down, which leaves a small whole number, as indexes are to be.
    return ((this.roll() * count) / range) | 0;
  }
}
