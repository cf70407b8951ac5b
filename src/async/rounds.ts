import type { CancelTimer, Clock } from "./clock.ts";

/** As long as it takes at least to put another history in the place of the one that was known. */
const longMs = 3_000;

/** When the rounds of many come that have found the same store again: not while all catch up with it, and not all at once. */
const soonMs = { earliest: 5_000, latest: 30_000 };

export interface RoundsOptions {
  readonly clock: Clock;

  /** From the end of one to the next, give or take a fifth. */
  readonly everyMs: number;

  /** A number from 0 up to 1, as `Math.random`. */
  readonly random: () => number;

  /** One round; the next one comes after it. The signal aborts when the rounds end. */
  readonly round: (signal: AbortSignal) => Promise<void>;

  /** A round has failed, and none comes after it. */
  readonly failed: (error: unknown) => void;
}

/**
 * A look whether what is known is still so: every few minutes, and soon after contact was lost for
 * long. Between rounds there is nothing but a timer, as those of thousands wait at the same time.
 */
export class Rounds {
  readonly #options: RoundsOptions;
  #due = -Infinity;
  #lostAt: number | undefined;

  /** Undefined before the first one is waited for, and during each. */
  #cancelTimer: CancelTimer | undefined;
  #underWay: AbortController | undefined;
  #ended = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Rounds come from now on. */
  start(): void {
    const { clock, everyMs, random } = this.#options;
    const now = clock.now();
    if (this.#due <= now) this.#due = now + everyMs * (0.8 + 0.4 * random());
    this.#cancelTimer = clock.setTimeout(() => void this.#go(), this.#due - now);
  }

  /** Contact is lost. */
  lost(): void {
    this.#lostAt ??= this.#options.clock.now();
  }

  /** There is contact, again or still. */
  found(): void {
    if (this.#lostAt === undefined) return;
    const { clock, random } = this.#options;
    const now = clock.now();
    const lostMs = now - this.#lostAt;
    this.#lostAt = undefined;
    if (lostMs < longMs) return;
    const { earliest, latest } = soonMs;
    const soon = now + earliest + (latest - earliest) * random();
    if (this.#due > now && this.#due < soon) return;
    this.#due = soon;
    if (this.#cancelTimer === undefined) return;
    this.#cancelTimer();
    this.start();
  }

  /** No more rounds; one that is under way is aborted. Idempotent. */
  end(): void {
    this.#ended = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#underWay?.abort();
  }

  async #go(): Promise<void> {
    this.#cancelTimer = undefined;
    const underWay = new AbortController();
    this.#underWay = underWay;
    try {
      await this.#options.round(underWay.signal);
    } catch (error) {
      if (!this.#ended) this.#options.failed(error);
      return;
    } finally {
      this.#underWay = undefined;
    }
    if (!this.#ended) this.start();
  }
}
