import { Bell } from "./bell.ts";
import type { Clock } from "./clock.ts";

/** As long as it takes at least to put another history in the place of the one that was known. */
const longMs = 3_000;

/** When the rounds of many come that have found the same store again: not while all catch up with it, and not all at once. */
const soonMs = { earliest: 5_000, latest: 30_000 };

/** When to look whether what is known is still so: every few minutes, and soon after contact was lost for long. */
export class Rounds {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #random: () => number;
  readonly #bell: Bell;
  #due = -Infinity;
  #lostAt: number | undefined;

  /**
   * @param everyMs give or take a fifth
   * @param random a number from 0 up to 1, as `Math.random`
   */
  constructor(clock: Clock, everyMs: number, random: () => number) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#random = random;
    this.#bell = new Bell(clock);
  }

  /** Waits for the next round; rejects with `signal.reason` when the signal aborts first. */
  async next(signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    if (this.#due <= now) this.#due = now + this.#everyMs * (0.8 + 0.4 * this.#random());
    while (this.#clock.now() < this.#due) {
      await this.#bell.wait(this.#due - this.#clock.now(), signal);
    }
  }

  /** Contact is lost. */
  lost(): void {
    this.#lostAt ??= this.#clock.now();
  }

  /** There is contact, again or still. */
  found(): void {
    const now = this.#clock.now();
    const lostMs = now - (this.#lostAt ?? now);
    this.#lostAt = undefined;
    if (lostMs < longMs) return;
    const { earliest, latest } = soonMs;
    const soon = now + earliest + (latest - earliest) * this.#random();
    if (this.#due > now && this.#due < soon) return;
    this.#due = soon;
    this.#bell.ring();
  }
}
