import { DiscoveryError, isDiscoveryError } from "../errors.ts";
import type { HostRecord } from "../model/record.ts";
import type { Change, Condition, Session, Store, WriteResult } from "../store/store.ts";
import type { Entry } from "./entry.ts";

/** A host record on its way to the store. */
export interface HostWrite {
  readonly entry: Entry;
  readonly record: HostRecord;
  readonly value: Uint8Array;
}

/** etcd takes requests of 1.5 MiB by default (etcd docs, "System limits"). */
const maximumBytes = 256 * 1_024;

/**
 * How many hosts go in one write: 50, and half as many each time that the store refuses that. etcd
 * takes 128 operations by default, and may have been told to take fewer (`--max-txn-ops`).
 */
export class WriteSize {
  #hosts = 50;

  get hosts(): number {
    return this.#hosts;
  }

  /** Returns whether there is any hope in trying again with less. */
  halve(): boolean {
    if (this.#hosts === 1) return false;
    this.#hosts = Math.floor(this.#hosts / 2);
    return true;
  }
}

export function hostWrite(entry: Entry, record: HostRecord = entry.record): HostWrite {
  return { entry, record, value: entry.encode(record) };
}

/** Cuts writes into pieces that a store takes at once. */
export function pieces(writes: readonly HostWrite[], { hosts }: WriteSize): HostWrite[][] {
  let piece: HostWrite[] = [];
  let bytes = 0;
  const all = writes.length === 0 ? [] : [piece];
  for (const write of writes) {
    bytes += write.value.length;
    if (piece.length > 0 && (piece.length === hosts || bytes > maximumBytes)) {
      piece = [];
      bytes = write.value.length;
      all.push(piece);
    }
    piece.push(write);
  }
  return all;
}

/** Why records are gone that were written under a session that has ended. */
function sessionLost(session: Session): DiscoveryError {
  const reason: unknown = session.ended.reason;
  if (isDiscoveryError(reason)) return reason;
  return new DiscoveryError("UNAVAILABLE", "the session was lost", { cause: reason });
}

/** What a change of a write got; the info, if it was written, is the last one. */
export function revisionOf(
  result: WriteResult & { readonly applied: true },
  index: number,
): number {
  return result.revisions?.at(index) ?? result.revision;
}

/**
 * Writes one piece under conditions, and confirms its entries if these held. Of each host that is known
 * to be on the store one is that it is there as it was left: a write that had no answer may be carried
 * out late, and must not undo what came after it. (A store that makes changes one by one sees to that itself,
 * since a conflict would leave half of them.)
 */
export async function writePiece(
  context: { readonly store: Store; readonly timeoutMs: number },
  service: string,
  piece: readonly HostWrite[],
  options: {
    readonly session: Session;

    /** About the info. */
    readonly conditions?: readonly Condition[] | undefined;
    readonly info?: Uint8Array | undefined;

    /** What has to be settled, too, before anybody is told that the hosts are there. */
    readonly beside?: (() => Promise<unknown> | undefined) | undefined;
  },
): Promise<WriteResult> {
  const { session } = options;
  const changes: Change[] = piece.map(({ entry, value }) => {
    entry.session = session;
    return { kind: "put-host", id: entry.uuid, value, session };
  });
  if (options.info !== undefined) changes.push({ kind: "put-info", value: options.info });
  const { atomicWrites } = context.store.capabilities;
  const known = piece.flatMap(({ entry: { uuid, stored } }): Condition[] =>
    stored === undefined || !atomicWrites
      ? []
      : [{ record: { kind: "host", id: uuid }, revision: stored.revision }],
  );
  const conditions = [...(options.conditions ?? []), ...known];
  const result = await context.store
    .write({ service, conditions, changes }, { timeoutMs: context.timeoutMs })
    .catch((error: unknown) => {
      for (const { entry, value } of piece) entry.attempted(value);
      throw error;
    });
  // Whose failure is told by whoever has asked for it.
  await options.beside?.()?.catch(() => {});
  if (result.applied) {
    const now = context.store.clock.now();
    for (const [index, { entry, record, value }] of piece.entries()) {
      if (session.ended.aborted) entry.lose(sessionLost(session));
      else entry.confirm(record, value, revisionOf(result, index), now);
    }
  }
  return result;
}
