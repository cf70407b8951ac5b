import { delay } from "../async/abort.ts";
import type { Clock } from "../async/clock.ts";
import { DiscoveryError } from "../errors.ts";
import type { Listing } from "../store/store.ts";
import type { KnownService } from "./known-service.ts";

/** How long a pending change may take to arrive before its absence is a fault. */
const graceMs = 2_000;

/**
 * Compares what is known with the store, for servers have lost changes; how many were not told.
 * Rejects with `UNAVAILABLE` if the store went back; while it cannot be read there is nothing to
 * compare.
 */
export async function missedChanges(
  known: KnownService,
  read: () => Promise<Listing | undefined>,
  clock: Clock,
  signal: AbortSignal,
): Promise<number> {
  const before = known.revision;
  const listing = await read();
  if (listing === undefined) return 0;
  if (listing.revision < before) {
    throw new DiscoveryError(
      "UNAVAILABLE",
      `following ${known.service}: the store went back from revision ${before} to ${listing.revision}`,
    );
  }
  const behind = known.behind(listing);
  if (behind.size === 0) return 0;
  // Most likely on its way.
  await delay(clock, graceMs, signal);
  const again = await read();
  if (again === undefined) return 0;
  const later = known.behind(again);
  return [...behind].filter(([id, revision]) => later.get(id) === revision).length;
}
