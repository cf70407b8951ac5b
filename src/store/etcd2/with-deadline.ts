import type { Clock } from "../../async/clock.ts";
import type { CallOptions } from "../store.ts";

/** The same options, but of a time that runs from now on: however many calls are made with them, one after the other, all of them together take no longer. */
export function withDeadline(clock: Clock, { signal, timeoutMs }: CallOptions): CallOptions {
  const deadline = clock.now() + timeoutMs;
  return {
    signal,
    get timeoutMs() {
      return Math.max(1, deadline - clock.now());
    },
  };
}
