import type { LeaseFacts, LeaseLook, SeenHost } from "./facts.ts";

/**
 * A lease with less than this part of its time left is in doubt. Whoever keeps it renews it every third of
 * its time at the latest, so that two thirds are left at least: below a quarter two renewals in a row are missing.
 */
const doubtBelow = 1 / 4;

/** Whether a lease should have been renewed by now. */
export function isInDoubt({ grantedSeconds, remainingSeconds }: LeaseLook): boolean {
  return remainingSeconds < grantedSeconds * doubtBelow;
}

/**
 * Whether a host's lease has not been renewed for long: ended, or not renewed between two looks, and
 * past half of its time.
 */
export function isFading({ life }: Pick<SeenHost, "life">, leases: LeaseFacts): boolean {
  if (life.by !== "lease") return false;
  const first = leases.first.get(life.lease);
  const second = leases.second.get(life.lease);
  if (first === undefined || second === undefined) return false;
  const isRenewed = second.remainingSeconds >= first.remainingSeconds;
  return !isRenewed && second.remainingSeconds < second.grantedSeconds / 2;
}
