import type { Clock } from "../../async/clock.ts";
import type { CallOptions } from "../store.ts";

/** The same options, but of a time that runs from now on: however many calls are made with them, one after the other, all of them together take no longer. */
export function withDeadline(clock: Clock, options: CallOptions): CallOptions {
  return new OptionsWithDeadline(clock, options);
}

/** A class, since an accessor of an object that is made each time takes as long as much of a call. */
class OptionsWithDeadline implements CallOptions {
  readonly signal: AbortSignal | undefined;
  readonly #clock: Clock;
  readonly #deadline: number;

  constructor(clock: Clock, { signal, timeoutMs }: CallOptions) {
    this.signal = signal;
    this.#clock = clock;
    this.#deadline = clock.now() + timeoutMs;
  }

  get timeoutMs(): number {
    return Math.max(1, this.#deadline - this.#clock.now());
  }
}
