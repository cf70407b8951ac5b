/** Does work on keys: one after the other for each key, in the order in which it was asked for. */
export class KeyTurns {
  /** What was asked for last for each key that is being worked on. Never rejects. */
  readonly #last = new Map<string, Promise<void>>();

  /** Does `work` when all that was asked for earlier for any of its keys is done, well or not. */
  take<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = keys.flatMap((key) => this.#last.get(key) ?? []);
    const result = before.length === 0 ? work() : Promise.all(before).then(work);
    const done: Promise<void> = result.then(
      () => this.#forget(keys, done),
      () => this.#forget(keys, done),
    );
    for (const key of keys) this.#last.set(key, done);
    return result;
  }

  #forget(keys: readonly string[], done: Promise<void>): void {
    for (const key of keys) if (this.#last.get(key) === done) this.#last.delete(key);
  }
}
