/**
 * A stream of which only the newest value matters: a reader that is late gets the last one, once.
 */
export class Latest<T> implements AsyncIterableIterator<T> {
  readonly #onEnd: () => void;
  #pending: { readonly value: T } | undefined;
  #readers: {
    readonly resolve: (result: IteratorResult<T>) => void;
    readonly reject: (reason: unknown) => void;
  }[] = [];
  #end: { readonly reason?: unknown } | undefined;

  /** `onEnd` is called once, when the stream is over for whatever reason. */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  push(value: T): void {
    if (this.#end !== undefined) return;
    const reader = this.#readers.shift();
    if (reader === undefined) this.#pending = { value };
    else reader.resolve({ done: false, value });
  }

  /** Ends the stream: quietly, or with what the waiting reader, or else the next one, is to throw. */
  end(failure?: { readonly reason: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = {};
    this.#pending = undefined;
    const readers = this.#readers;
    this.#readers = [];
    const [first, ...others] = readers;
    if (failure !== undefined && first === undefined) this.#end = failure;
    if (failure === undefined) first?.resolve({ done: true, value: undefined });
    else first?.reject(failure.reason);
    for (const reader of others) reader.resolve({ done: true, value: undefined });
    this.#onEnd();
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#end !== undefined) {
      const end = this.#end;
      this.#end = {};
      if ("reason" in end) return Promise.reject(end.reason);
      return Promise.resolve({ done: true, value: undefined });
    }
    if (this.#pending !== undefined) {
      const { value } = this.#pending;
      this.#pending = undefined;
      return Promise.resolve({ done: false, value });
    }
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<T>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
