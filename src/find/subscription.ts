import type { WaitOptions } from "../arguments.ts";

/**
 * News of one service, without end. It began when it was made: what is not read yet waits, merged
 * to at most one event a host. Read it with `for await`; leaving the loop ends it, and so do
 * `return()`, `await using`, the `signal` it was given, and closing the `Discovery`.
 *
 * A `next()` that waits keeps the process alive; a subscription that nobody waits on does not.
 */
export interface Subscription<T> extends AsyncIterator<T, undefined>, AsyncDisposable {
  /**
   * The next news, as soon as there is some. Several may wait at once: they are served in their
   * order. Rejects with `signal.reason`, once, when the signal has aborted; is `done` after that,
   * and when the subscription has ended in any other way.
   */
  next(): Promise<IteratorResult<T, undefined>>;

  /** Ends the subscription and frees all it holds. Idempotent. */
  return(): Promise<IteratorResult<T, undefined>>;

  /**
   * Resolves when the service has been read for the first time: from then on a host that comes or
   * goes, and stays so, is told. Rejects at once with `UNAUTHENTICATED` or `PERMISSION_DENIED` if
   * etcd refuses (the subscription itself goes on trying), with `CLOSED` if the subscription has
   * ended, and with `signal.reason` when a signal aborts: the one given here, which ends this wait
   * alone, or the subscription's own.
   */
  waitReady(options?: WaitOptions | undefined): Promise<void>;

  [Symbol.asyncIterator](): Subscription<T>;
}
