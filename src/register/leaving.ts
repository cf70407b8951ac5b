import { isDiscoveryError } from "../errors.ts";
import { type Entry, isDenied } from "./entry.ts";
import { hostWrite, pieces, revisionOf, writePiece } from "./host-writes.ts";
import { settled } from "./private-hosts.ts";
import type { ServiceKeeper } from "./service-keeper.ts";

/** How long marking a host that leaves may take, so that time is left to delete it on another connection. */
const markMs = 1_000;

/** Takes ended entries off the store: marks them as leaving, so that others know why, then deletes them. */
export async function takeOff(keeper: ServiceKeeper, leaving: readonly Entry[]): Promise<void> {
  await mark(
    keeper,
    leaving.filter(
      (entry) => entry.stored !== undefined && (!entry.record.draining || entry.dirty),
    ),
  );
  const written = leaving.filter((entry) => entry.session !== undefined);
  for (const entry of leaving) if (entry.session === undefined) keeper.forget(entry);
  const deletions: Promise<void>[] = [];
  const { hosts } = keeper.context.writeSize;
  for (let at = 0; at < written.length; at += hosts) {
    deletions.push(remove(keeper, written.slice(at, at + hosts)));
  }
  await settled(deletions);
}

/** Unmarked is no harm: the record goes all the same, only its followers take it for expired. */
async function mark({ context, service }: ServiceKeeper, leaving: readonly Entry[]): Promise<void> {
  const session = context.session();
  // Where the deletion itself tells why, nothing needs to be said before.
  if (session === undefined || context.store.capabilities.reasons) return;
  for (const entry of leaving) entry.setDraining(true);
  const writes = leaving.map((entry) => hostWrite(entry));
  const marks = pieces(writes, context.writeSize).map((piece) => {
    // Carried out late, a mark must not bring back what was deleted meanwhile.
    const conditions = piece.map(({ entry: { uuid, stored } }) => ({
      record: { kind: "host", id: uuid } as const,
      revision: stored?.revision ?? 0,
    }));
    const timeoutMs = Math.min(context.timeoutMs / 4, markMs);
    return writePiece({ ...context, timeoutMs }, service, piece, { session, conditions });
  });
  for (const marked of await Promise.allSettled(marks)) {
    if (marked.status === "rejected" && isDiscoveryError(marked.reason, "INVALID_ARGUMENT")) {
      throw marked.reason;
    }
  }
}

async function remove(keeper: ServiceKeeper, entries: readonly Entry[]): Promise<void> {
  const { context, service } = keeper;
  const { guard, store, timeoutMs } = context;
  const changes = entries.map(({ uuid }) => ({ kind: "delete-host", id: uuid }) as const);
  try {
    const result = await store.write({ service, conditions: [], changes }, { timeoutMs });
    for (const [index, { uuid, unanswered }] of entries.entries()) {
      if (!unanswered) continue;
      const revision = result.applied ? revisionOf(result, index) : result.current.revision;
      guard.watchOver(service, uuid, revision);
    }
  } catch (error) {
    // What may not be written is not there.
    const denied = isDiscoveryError(error) && isDenied(error);
    if (!denied || entries.some(({ registered }) => registered)) throw error;
  }
  for (const entry of entries) keeper.forget(entry);
}
