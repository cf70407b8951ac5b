import type { CancelTimer, Clock } from "../async/clock.ts";

const quietMs = 50;
const atMostMs = 1_000;

/**
 * Waits until news has come to rest: until nothing newer has been heard of for 50 ms, or for a
 * second in all. So a fleet that starts together settles before each of its hosts writes.
 */
export class Settling {
  readonly #clock: Clock;
  #pending: { readonly since: number; readonly revision: number } | undefined;
  #cancel: CancelTimer = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get pending(): boolean {
    return this.#pending !== undefined;
  }

  /** The revision of the news that is coming to rest; 0 when there is none. */
  get revision(): number {
    return this.#pending?.revision ?? 0;
  }

  /** There is other news, in the place of what there was. */
  restart(revision: number, settled: () => void): void {
    this.#cancel();
    const since = this.#pending?.since ?? this.#clock.now();
    this.#pending = { since, revision };
    const left = since + atMostMs - this.#clock.now();
    this.#cancel = this.#clock.setTimeout(
      () => {
        this.#pending = undefined;
        settled();
      },
      Math.max(0, Math.min(quietMs, left)),
    );
  }

  /** Forgets the news. */
  cancel(): void {
    this.#cancel();
    this.#pending = undefined;
  }
}
