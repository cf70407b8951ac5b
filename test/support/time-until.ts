import { setTimeout as sleep } from "node:timers/promises";

/** How often a registration asks etcd for something, one after the other, until it is back. */
const trips = 5;

/** How long something took, and how much of that is due to etcd and a busy machine. */
export interface Took {
  readonly tookMs: number;

  /** `tookMs` without what so many trips to etcd take that are as slow as the slowest there was. */
  readonly ownMs: number;
}

/**
 * Waits until `probe`, which asks etcd directly, throws no more; gives up after `withinMs` with what
 * it threw last. Its own trips tell how slow etcd and the machine were meanwhile.
 */
export async function timeUntil(probe: () => Promise<unknown>, withinMs: number): Promise<Took> {
  const since = performance.now();
  let slowestMs = 0;
  for (;;) {
    const askedAt = performance.now();
    let failure: { readonly error: unknown } | undefined;
    try {
      await probe();
    } catch (error) {
      failure = { error };
    }
    const now = performance.now();
    slowestMs = Math.max(slowestMs, now - askedAt);
    const tookMs = now - since;
    if (failure === undefined) return { tookMs, ownMs: Math.max(0, tookMs - trips * slowestMs) };
    if (tookMs > withinMs) throw failure.error;
    await sleep(5);
  }
}
