import { onAbort } from "./abort.ts";

/** Lets a few at a time do what many may want to do at once; the others wait in line. */
export class Turnstile {
  #free: number;
  readonly #line = new Set<() => void>();

  /** @param places how many may be inside at once */
  constructor(places: number) {
    this.#free = places;
  }

  /** Whether nobody has to wait now. */
  get free(): boolean {
    return this.#free > 0;
  }

  /** Does the work when there is a place for it; rejects with `signal.reason` when the signal aborts while it waits. */
  async pass<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const forget =
        signal &&
        onAbort(signal, () => {
          this.#line.delete(enter);
          reject(signal.reason);
        });
      const enter = (): void => {
        forget?.();
        resolve();
      };
      this.#line.add(enter);
    });
  }

  /** Whoever leaves gives its place to the next in line. */
  #leave(): void {
    const [next] = this.#line;
    if (next === undefined) this.#free += 1;
    else {
      this.#line.delete(next);
      next();
    }
  }
}
