import { abortable } from "../async/abort.ts";

/** Lets any number of callers wait until something is ready. */
export class Readiness {
  readonly #waiting = new Set<Waiter>();

  /** What a caller gets without waiting, if that is known. */
  #outcome: Promise<void> | undefined;

  /**
   * Resolves when ready; rejects with what {@link refuse} is given, and with `signal.reason` when
   * the signal aborts first.
   */
  async wait(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#outcome !== undefined) return this.#outcome;
    const waiter = new Waiter();
    this.#waiting.add(waiter);
    try {
      await abortable(waiter.promise, signal);
    } finally {
      this.#waiting.delete(waiter);
    }
  }

  /** Whoever waits, now or later, goes on. */
  ready(): void {
    this.#outcome = Promise.resolve();
    for (const waiter of this.#waiting) waiter.resolve();
  }

  /** Whoever waits, now or later, is refused. */
  refuse(reason: unknown): void {
    this.#outcome = Promise.reject(reason);
    this.#outcome.catch(() => {});
    for (const waiter of this.#waiting) waiter.reject(reason);
  }

  /** Whoever comes from now on waits. */
  reopen(): void {
    this.#outcome = undefined;
  }
}

class Waiter {
  readonly promise: Promise<void>;
  resolve: () => void = () => {};
  reject: (reason: unknown) => void = () => {};

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}
