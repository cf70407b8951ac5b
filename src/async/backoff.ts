/**
 * How long to wait before the next try: a random time up to a bound that doubles with each failure
 * ("full jitter"), so that many clients that lost one server do not come back together.
 */
export class Backoff {
  readonly #minimumMs: number;
  readonly #maximumMs: number;
  readonly #random: () => number;
  #failures = 0;

  /** Bounds from 50 ms to 2 s unless told otherwise. */
  constructor(
    options: {
      readonly minimumMs?: number;
      readonly maximumMs?: number;
      readonly random?: () => number;
    } = {},
  ) {
    this.#minimumMs = options.minimumMs ?? 50;
    this.#maximumMs = options.maximumMs ?? 2_000;
    this.#random = options.random ?? Math.random;
  }

  /** Counts a failure and returns how many milliseconds to wait for it. */
  next(): number {
    const bound = Math.min(this.#maximumMs, this.#minimumMs * 2 ** this.#failures);
    this.#failures += 1;
    return this.#random() * bound;
  }

  /** Starts over; call it only after lasting success, or a server that accepts and then fails is stormed. */
  reset(): void {
    this.#failures = 0;
  }
}
