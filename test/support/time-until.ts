import { setTimeout as sleep } from "node:timers/promises";
import { lostTime } from "./lost-time.ts";

/** How often a registration asks etcd for something, one after the other, until it is back. */
const trips = 5;

/** How long something took, and how much of that is due to etcd and a busy machine. */
export interface Took {
  readonly tookMs: number;

  /** `tookMs` without the time that this process lost, and without that many of the slowest trips to etcd. */
  readonly ownMs: number;
}

/**
 * Waits until `probe`, which asks etcd directly, throws no more; gives up after `withinMs` with what
 * it threw last. Its own trips tell how slow etcd and the machine were meanwhile.
 */
export async function timeUntil(probe: () => Promise<unknown>, withinMs: number): Promise<Took> {
  const since = performance.now();
  const lost = lostTime();
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
    if (failure === undefined) {
      return { tookMs, ownMs: Math.max(0, tookMs - trips * slowestMs - lost()) };
    }
    if (tookMs > withinMs) {
      lost();
      throw failure.error;
    }
    await sleep(5);
  }
}
