import type { Clock } from "../../async/clock.ts";

/** Over how many seconds requests and retries are counted. */
const windowSeconds = 10;

/** How many retries there may be for each request, and how many a second at any rate. */
const share = 0.2;
const perSecond = 10;

interface Slot {
  second: number;
  requests: number;
  retries: number;
}

/**
 * Keeps retries from multiplying the load on a service that is in trouble: over the last ten seconds
 * there may be one for each five requests, and ten a second besides.
 */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #slots: Slot[] = Array.from({ length: windowSeconds }, () => ({
    second: -Infinity,
    requests: 0,
    retries: 0,
  }));

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A request is made. */
  request(): void {
    this.#slot().requests += 1;
  }

  /** Takes a retry out of the budget; false if there is none left. */
  take(): boolean {
    const slot = this.#slot();
    let allowed = windowSeconds * perSecond;
    for (const { second, requests, retries } of this.#slots) {
      if (slot.second - second < windowSeconds) allowed += requests * share - retries;
    }
    if (allowed < 1) return false;
    slot.retries += 1;
    return true;
  }

  #slot(): Slot {
    const second = Math.floor(this.#clock.now() / 1_000);
    const slot = this.#slots[second % windowSeconds] as Slot;
    if (slot.second !== second) {
      slot.second = second;
      slot.requests = 0;
      slot.retries = 0;
    }
    return slot;
  }
}
