import { defaultMaxListeners, getMaxListeners, setMaxListeners } from "node:events";
import type { Clock } from "./clock.ts";
import { overdue } from "./overdue.ts";

/**
 * Calls back when the signal aborts; returns the undo. Many may wait on one signal: the limit above
 * which Node warns of a leak is lifted, unless the signal's owner has set one.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  // Infinity and not 0, of which Node.js says by a costly error that it is no limit.
  if (limitOf(signal) === defaultMaxListeners) setMaxListeners(Infinity, signal);
  signal.addEventListener("abort", callback, { once: true });
  return () => signal.removeEventListener("abort", callback);
}

function limitOf(signal: AbortSignal): number {
  try {
    return getMaxListeners(signal);
  } catch {
    // So says Node.js of a signal whose owner has set the limit to 0.
    return 0;
  }
}

/**
 * Does work under a signal that aborts with the first of these. Not under `AbortSignal.any`, since in
 * Node.js 20 a signal keeps for life a trace of each one that was made of it, and some live long.
 */
export async function underEither<T>(
  signals: readonly (AbortSignal | undefined)[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const first = new AbortController();
  const undo: (() => void)[] = [];
  try {
    for (const signal of signals) {
      if (signal === undefined) continue;
      const abort = (): void => first.abort(signal.reason);
      if (signal.aborted) abort();
      else undo.push(onAbort(signal, abort));
    }
    return await work(first.signal);
  } finally {
    for (const each of undo) each();
  }
}

/**
 * Waits for `promise`, or rejects with `signal.reason` when the signal aborts first. The promise
 * itself goes on; its late rejection is not unhandled.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  promise.catch(() => {});
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    promise.then(resolve, reject).finally(onAbort(signal, () => reject(signal.reason)));
  });
}

/** Waits until `promise` has settled, but no longer than `milliseconds`; whether it has. */
export function settledWithin(
  clock: Clock,
  milliseconds: number,
  promise: Promise<unknown>,
): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = overdue(clock, () => resolve(false), milliseconds);
    const settled = () => {
      cancel();
      resolve(true);
    };
    promise.then(settled, settled);
  });
}

/** Waits for some time by `clock`; rejects with `signal.reason` when the signal aborts first. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimeout(() => {
      forget?.();
      resolve();
    }, delayMs);
    const forget =
      signal &&
      onAbort(signal, () => {
        cancel();
        reject(signal.reason);
      });
  });
}
