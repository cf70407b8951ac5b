import { DiscoveryError } from "../errors.ts";
import type { Entry } from "./entry.ts";
import { drainingOrdered } from "./operator-order.ts";
import type { KeeperContext } from "./register-context.ts";
import type { Listing } from "../store/store.ts";

/** Takes down what a listing says of these hosts, where that is not what is known of them. */
export function observe(entries: readonly Entry[], { hosts, revision }: Listing): void {
  const found = new Map(hosts.map((host) => [host.id, host]));
  for (const entry of entries) {
    const host = found.get(entry.uuid);
    // The store may have gone back to an earlier state, and what was written since with it.
    const isPast = entry.knownAt > (host?.revision ?? revision);
    if (isPast || (host === undefined && entry.stored?.revision === revision)) {
      entry.stored = undefined;
      if (entry.absentAt !== undefined) entry.absentAt = 0;
    }
    if (host !== undefined && host.revision === entry.stored?.revision) continue;
    entry.observed = { revision: host?.revision ?? revision, value: host?.value.slice() };
  }
}

/** Decides what to do about what was last seen of a host's record, if that is news. */
export function judge(entry: Entry, { logger, store }: KeeperContext): void {
  const { observed, service, uuid } = entry;
  entry.observed = undefined;
  if (observed === undefined || entry.ending || observed.revision <= entry.knownAt) return;
  const { value, revision } = observed;
  if (entry.withheld) {
    // It comes off again, whoever has put it there.
    entry.stored = value && { revision, value };
    if (value === undefined && entry.absentAt !== undefined) entry.absentAt = revision;
    return;
  }
  // On its way back, and written anyway.
  if (entry.state === "unhealthy") {
    entry.stored = value && { revision, value };
    return;
  }
  if (value === undefined) {
    undo(entry, "was deleted", logger);
    return;
  }
  if (Buffer.compare(value, entry.encode()) === 0) {
    // Somebody else's copy would outlive this process, so it is written again, but for one
    // that a first write with no answer has left.
    if (entry.registered || entry.session?.ended.aborted !== false) {
      entry.stored = { revision, value };
      entry.dirty = true;
    } else entry.confirm(entry.record, value, revision, store.clock.now());
    return;
  }
  if (entry.isAttempt(value)) {
    // No stranger's: a write of ours that had no answer.
    entry.stored = { revision, value };
    entry.dirty = true;
    return;
  }
  const ordered = entry.marked ? undefined : drainingOrdered(entry, value);
  if (ordered === undefined) {
    undo(entry, "was overwritten", logger);
    return;
  }
  logger.info(ordered ? "ordered to drain" : "ordered to drain no longer", { service, uuid });
  // Seen once more, as by a reading after a write that had no answer, it would be taken for another one.
  entry.stored = { revision, value };
  entry.order(ordered);
}

/** What somebody else has done to the record of a registered host is not to last. */
function undo(entry: Entry, how: string, logger: KeeperContext["logger"]): void {
  if (!entry.registered) {
    // One of a first write that had no answer: what is written next must not count on it.
    entry.stored = undefined;
    return;
  }
  const { service, uuid } = entry;
  logger.warn(`the record of a registered host ${how}; putting it back`, { service, uuid });
  entry.lose(new DiscoveryError("UNAVAILABLE", `the record ${uuid} of "${service}" ${how}`));
}
