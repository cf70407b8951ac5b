import { setImmediate as turn } from "node:timers/promises";

import type { CancelTimer, Clock } from "../async/clock.ts";
import { DiscoveryError } from "../errors.ts";

/** A clock that stands still until it is told to go on. Made by {@link manualClock}. */
export interface ManualClock extends Clock {
  /** How many timers are waiting: 0 when everything that goes by this clock was closed. */
  readonly timers: number;

  /**
   * Lets `ms` milliseconds pass. Timers that fall due are called in their order, each at its own
   * time. Before the first, between any two and after the last the event loop makes two turns, so
   * that what a timer set off (promises, microtasks, `setImmediate`) is done before the next.
   * Network and file I/O is not waited for. Calls made before an earlier one is through wait for it.
   *
   * `advance(0)` calls what is due now. A timer that throws makes this reject with what it threw.
   *
   * @throws DiscoveryError `INVALID_ARGUMENT` for a negative or an infinite time.
   */
  advance(ms: number): Promise<void>;
}

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/**
 * Makes a clock for tests of what happens after some time, without waiting for it:
 *
 * ```ts
 * const clock = manualClock();
 * const store = memoryStore({ clock });
 * await clock.advance(5_000);
 * ```
 *
 * It starts at 0.
 */
export function manualClock(): ManualClock {
  // In order of time; those of one moment in the order in which they were set.
  const timers: Timer[] = [];
  let now = 0;
  let advanced: Promise<void> = Promise.resolve();

  async function settle(): Promise<void> {
    await turn();
    await turn();
  }

  async function advance(ms: number): Promise<void> {
    const end = now + ms;
    await settle();
    for (;;) {
      const [timer] = timers;
      if (timer === undefined || timer.due > end) break;
      timers.shift();
      now = timer.due;
      timer.callback();
      await settle();
    }
    now = end;
  }

  return {
    now: () => now,
    get timers() {
      return timers.length;
    },
    setTimeout(callback, delayMs): CancelTimer {
      const timer = { due: now + Math.max(0, delayMs), callback };
      const later = timers.findIndex((other) => other.due > timer.due);
      timers.splice(later === -1 ? timers.length : later, 0, timer);
      return () => {
        const index = timers.indexOf(timer);
        if (index !== -1) timers.splice(index, 1);
      };
    },
    advance(ms) {
      if (!(ms >= 0 && ms < Infinity)) {
        throw new DiscoveryError("INVALID_ARGUMENT", `advance: ms must be 0 or more, got ${ms}`);
      }
      const previous = advanced;
      const current = previous.then(() => advance(ms));
      advanced = current.catch(() => {});
      return current;
    },
  };
}
