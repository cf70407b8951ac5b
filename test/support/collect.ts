/** What a reader of a subscription has got so far. */
export interface Collected<R> {
  readonly items: R[];

  /** Settles when there is nothing more to read. */
  readonly ended: Promise<void>;

  /** Takes what has come so far. */
  take(): R[];
}

/** Reads a subscription to its end, into a list that grows. */
export function collect<T, R>(from: AsyncIterable<T>, map: (item: T) => R): Collected<R> {
  const items: R[] = [];
  const ended = (async () => {
    for await (const item of from) items.push(map(item));
  })();
  ended.catch(() => {});
  return { items, ended, take: () => items.splice(0) };
}
