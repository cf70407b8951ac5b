import type { CancelTimer, Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";

/** Finds out that a stream is dead: whatever comes counts as life; after silence it is asked for a sign. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #silenceMs: number;
  readonly #ask: () => void;
  readonly #dead: () => void;
  #heardAt = -Infinity;
  #aliveMs = 0;
  #askedAt: number;
  #cancelTimer: CancelTimer;

  /**
   * Begins at once; the requests that begin the stream are questions, too.
   *
   * @param silenceMs how long it may be silent before it is asked, and how long an answer may take
   */
  constructor(
    clock: Clock,
    silenceMs: number,
    { ask, dead }: { readonly ask: () => void; readonly dead: () => void },
  ) {
    this.#clock = clock;
    this.#silenceMs = silenceMs;
    this.#ask = ask;
    this.#dead = dead;
    this.#askedAt = clock.now();
    this.#cancelTimer = overdue(clock, this.#check, silenceMs);
  }

  /** For how long messages have been coming. Silence, also of a process that stands still, counts only as far as it is usual. */
  get aliveMs(): number {
    return this.#aliveMs;
  }

  /** A message came. */
  heard(): void {
    const now = this.#clock.now();
    this.#aliveMs += Math.min(now - this.#heardAt, this.#silenceMs);
    this.#heardAt = now;
  }

  stop(): void {
    this.#cancelTimer();
  }

  readonly #check = (): void => {
    const now = this.#clock.now();
    const unanswered = this.#askedAt > this.#heardAt;
    if (unanswered && now - this.#askedAt >= this.#silenceMs) {
      this.#dead();
      return;
    }
    if (!unanswered && now - this.#heardAt >= this.#silenceMs) {
      this.#askedAt = now;
      this.#ask();
    }
    const since = Math.max(this.#askedAt, this.#heardAt);
    this.#cancelTimer = overdue(this.#clock, this.#check, since + this.#silenceMs - now);
  };
}
