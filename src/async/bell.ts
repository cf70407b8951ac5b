import { onAbort } from "./abort.ts";
import type { Clock } from "./clock.ts";

/** Wakes whoever waits for some time to pass, before it has, because something changed meanwhile. */
export class Bell {
  readonly #clock: Clock;
  readonly #sleepers = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wakes all who wait now. */
  ring(): void {
    for (const wake of [...this.#sleepers]) wake();
  }

  /** Waits until it rings, but no longer than `delayMs`; rejects with `signal.reason` when the signal aborts first. */
  wait(delayMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        cancel();
        forget();
        this.#sleepers.delete(wake);
      };
      const wake = (): void => {
        leave();
        resolve();
      };
      const cancel = this.#clock.setTimeout(wake, delayMs);
      const forget = onAbort(signal, () => {
        leave();
        reject(signal.reason);
      });
      this.#sleepers.add(wake);
    });
  }
}
