import { delay } from "../async/abort.ts";
import { Backoff } from "../async/backoff.ts";
import type { Clock } from "../async/clock.ts";

export interface ReconcileLoopOptions {
  readonly clock: Clock;

  /**
   * Does what there is to do now, and returns whether there is more. `interrupted` aborts when
   * something has come up that should not wait for it.
   */
  readonly step: (interrupted: AbortSignal) => Promise<boolean>;

  /** A step has failed; it is tried again after a while. */
  readonly onFailure: (error: Error) => void;
}

/** Nobody sees it. Without one, each abort would make an exception with a stack of its own. */
const interruption = new Error("interrupted");

/**
 * Runs one step after the other, never two at once, for as long as there is something to do; after
 * a failed one it waits, longer each time (50 ms to 1 s, full jitter).
 */
export class ReconcileLoop {
  readonly #options: ReconcileLoopOptions;
  readonly #backoff = new Backoff({ maximumMs: 1_000 });
  #interrupt = new AbortController();
  #running = false;
  #again = false;
  #closed = false;

  constructor(options: ReconcileLoopOptions) {
    this.#options = options;
  }

  /** There is something to do. */
  wake(): void {
    this.#again = true;
    if (this.#running || this.#closed) return;
    this.#running = true;
    void this.#run();
  }

  /** There is something to do that should not wait for a back-off or a session. */
  interrupt(): void {
    this.wake();
    this.#interrupt.abort(interruption);
  }

  /** No further step is begun. */
  close(): void {
    this.#closed = true;
    this.#interrupt.abort(interruption);
  }

  async #run(): Promise<void> {
    // Registrations made in the same tick are reconciled, and so written, together.
    await Promise.resolve();
    for (let steps = 1; this.#again && !this.#closed; steps += 1) {
      // Steps that find nothing to wait for must not keep everybody else waiting.
      if (steps % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
      this.#again = false;
      if (this.#interrupt.signal.aborted) this.#interrupt = new AbortController();
      const interrupted = this.#interrupt.signal;
      try {
        if (await this.#options.step(interrupted)) this.#again = true;
        this.#backoff.reset();
      } catch (error) {
        this.#again = true;
        if (interrupted.aborted) continue;
        this.#options.onFailure(error as Error);
        await delay(this.#options.clock, this.#backoff.next(), interrupted).catch(() => {});
      }
    }
    this.#running = false;
    if (this.#again && !this.#closed) this.wake();
  }
}
