import { isDiscoveryError } from "../errors.ts";
import type { WriteResult } from "../store/store.ts";
import type { Entry } from "./entry.ts";
import { hostWrite, type HostWrite, pieces, revisionOf, writePiece } from "./host-writes.ts";
import { settled } from "./private-hosts.ts";
import { isDenied } from "./registration-errors.ts";
import type { ServiceKeeper } from "./service-keeper.ts";

/** How long marking a host that leaves may take, so that time is left to delete it on another connection. */
const markMs = 1_000;

/**
 * Takes entries off the store that have ended, or that their health checks withdraw: marks them as
 * leaving, so that others know why, then deletes them.
 */
export async function takeOff(keeper: ServiceKeeper, leaving: readonly Entry[]): Promise<void> {
  await mark(keeper, leaving);
  // One that is well again meanwhile has to be written anyway.
  const written = leaving.filter((entry) => entry.leaving && mayBeStored(entry));
  for (const entry of leaving) if (entry.ending && !mayBeStored(entry)) keeper.forget(entry);
  const deletions: Promise<void>[] = [];
  const { hosts } = keeper.context.writeSize;
  for (let at = 0; at < written.length; at += hosts) {
    deletions.push(remove(keeper, written.slice(at, at + hosts)));
  }
  await settled(deletions);
}

function mayBeStored({ session, stored, unanswered }: Entry): boolean {
  return session !== undefined || stored !== undefined || unanswered;
}

/** Unmarked is no harm: the record goes all the same, only its followers take it for expired. */
async function mark({ context, service }: ServiceKeeper, leaving: readonly Entry[]): Promise<void> {
  const session = context.session();
  // Where the deletion itself tells why, nothing needs to be said before.
  if (session === undefined || context.store.capabilities.reasons) return;
  const writes = leaving.flatMap((entry) => markOf(entry) ?? []);
  const marks = pieces(writes, context.writeSize).map((piece) => {
    const timeoutMs = Math.min(context.timeoutMs / 4, markMs);
    return writePiece({ ...context, timeoutMs }, service, piece, { session });
  });
  for (const marked of await Promise.allSettled(marks)) {
    if (marked.status === "rejected" && isDiscoveryError(marked.reason, "INVALID_ARGUMENT")) {
      throw marked.reason;
    }
  }
}

/** What marks a host as leaving; undefined if that is what its record on the store says already. */
function markOf(entry: Entry): HostWrite | undefined {
  if (entry.stored === undefined) return undefined;
  if (entry.ending) entry.setDraining(true);
  else entry.marked = true;
  const { record } = entry;
  // One that is withdrawn comes back as it was.
  const write = hostWrite(entry, record.draining ? record : { ...record, draining: true });
  return Buffer.compare(write.value, entry.stored.value) === 0 ? undefined : write;
}

async function remove(keeper: ServiceKeeper, entries: readonly Entry[]): Promise<void> {
  const { context, service } = keeper;
  const { guard, store, timeoutMs } = context;
  const changes = entries.map(({ uuid }) => ({ kind: "delete-host", id: uuid }) as const);
  let result: WriteResult | undefined;
  try {
    result = await store.write({ service, conditions: [], changes }, { timeoutMs });
  } catch (error) {
    // What may not be written is not there.
    const denied = isDiscoveryError(error) && isDenied(error);
    if (!denied || entries.some(({ registered }) => registered)) throw error;
  }
  for (const [index, entry] of entries.entries()) {
    const revision = result && revisionAfter(result, index);
    if (!entry.ending) {
      entry.takenOff(revision);
      continue;
    }
    if (entry.unanswered && revision !== undefined) guard.watchOver(service, entry.uuid, revision);
    keeper.forget(entry);
  }
}

/** The first revision at which what was deleted is gone. */
function revisionAfter(result: WriteResult, index: number): number {
  return result.applied ? revisionOf(result, index) : result.current.revision;
}
