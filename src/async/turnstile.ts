import { onAbort } from "./abort.ts";
import type { Clock } from "./clock.ts";
import { overdue } from "./overdue.ts";

/** How long to wait in line. */
export interface Patience {
  readonly clock: Clock;
  readonly timeoutMs: number;

  /** What to say then. */
  readonly late: () => Error;
}

/** Lets a few at a time do what many may want to do at once; the others wait in line. */
export class Turnstile {
  #free: number;
  readonly #line = new Set<() => void>();

  /** @param places how many may be inside at once */
  constructor(places: number) {
    this.#free = places;
  }

  /**
   * Does the work when there is a place for it. Rejects when that takes longer than `patience` has, and
   * with `signal.reason` when the signal aborts while it waits.
   */
  async pass<T>(
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
    patience?: Patience,
  ): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal, patience);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #wait(signal: AbortSignal | undefined, patience: Patience | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#line.delete(enter);
        cancel?.();
        forget?.();
      };
      const enter = (): void => {
        settle();
        resolve();
      };
      const leave = (reason: unknown): void => {
        settle();
        reject(reason);
      };
      const cancel =
        patience && overdue(patience.clock, () => leave(patience.late()), patience.timeoutMs);
      const forget = signal && onAbort(signal, () => leave(signal.reason));
      this.#line.add(enter);
    });
  }

  /** Whoever leaves gives its place to the next in line. */
  #leave(): void {
    const [next] = this.#line;
    if (next === undefined) this.#free += 1;
    else next();
  }
}
