import { Dirty } from "./dirty.ts";

/** What was different in each of the last batches, for clients that come back. */
export class BatchRing {
  readonly #batches: Dirty[] = [];
  readonly #most: number;
  readonly #mostNames: number;
  #names = 0;
  #last = 0;

  /**
   * @param most batches are kept
   * @param mostNames are kept in all of them: beyond that all there is, is told as fast
   */
  constructor(most = 1_000, mostNames = 20_000) {
    this.#most = most;
    this.#mostNames = mostNames;
  }

  /** The number of the newest batch; 0: none yet. */
  get last(): number {
    return this.#last;
  }

  push(batch: Dirty): void {
    this.#batches.push(batch);
    this.#names += batch.size;
    this.#last += 1;
    while (this.#batches.length > this.#most || this.#names > this.#mostNames) {
      const oldest = this.#batches.shift();
      if (oldest === undefined) break;
      this.#names -= oldest.size;
    }
  }

  /** All that is different since that batch; undefined if that is not known any longer, or never was. */
  since(number: number): Dirty | undefined {
    const missed = this.#last - number;
    if (!Number.isSafeInteger(number) || missed < 0 || missed > this.#batches.length) {
      return undefined;
    }
    const all = new Dirty();
    for (const batch of this.#batches.slice(this.#batches.length - missed)) all.add(batch);
    return all;
  }
}
