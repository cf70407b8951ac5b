import type { Clock } from "../async/clock.ts";

/**
 * The one seam between this package and the place that keeps the records.
 *
 * A store knows services by name and keeps, for each, at most one *info* record and any number of
 * *host* records by id (the host's uuid). It does not know what is inside a record. Every change
 * gets a revision, a whole number that only grows within one store's life.
 *
 * This file is the contract; the suite in `testing/store-contract.ts` holds every driver to it.
 *
 * - Failures reject with a `DiscoveryError`: `UNAVAILABLE`, `TIMEOUT`, `UNAUTHENTICATED`,
 *   `PERMISSION_DENIED` (its message names the key), `INVALID_ARGUMENT` (the store refuses the
 *   request as such) or `CLOSED`; an abort rejects with `signal.reason`, untouched.
 * - Nothing a store does in the background ends in an unhandled rejection, an `error` event, or
 *   keeps the process alive.
 * - Service names and host ids are valid when they come here (`model/keys.ts`); whatever else lies
 *   in the ranges is left out of every answer.
 */
export interface Store {
  /** What this driver can do; the contract suite tests what is declared. */
  readonly capabilities: StoreCapabilities;

  /** The time that leases, back-offs and deadlines of this store go by. */
  readonly clock: Clock;

  /**
   * Reads records of one service, all at one revision. Linearizable: it sees every write that was
   * acknowledged before it was called. One round trip for up to 1,000 hosts. (Where `oneRoundTrip`
   * is not declared info and hosts are read side by side, the hosts no older than the info, and the
   * listing's revision is the older one's.)
   */
  read(service: string, selection: Selection, options: ReadOptions): Promise<Listing>;

  /** The names of the services that have a record, each once, sorted by their bytes. */
  services(options: ReadOptions & { readonly alive: boolean }): Promise<string[]>;

  /**
   * Changes records of one service: all changes, at one revision, if every condition holds, else
   * none. (Where `atomicWrites` is not declared the changes come one after the other, those first
   * that a condition is on, then the hosts, then the info; conditions on records that are not changed
   * hold when the write begins. Others may write in between, and a conflict found late leaves what
   * was written before it. A host that lives by a session of this store is replaced as it was left
   * then, so that a put that is carried out late undoes nothing; one that another has written since is
   * put whatever is there.)
   *
   * A failed call may have been carried out or not. Writes asked for in the same tick may travel
   * together; they never make each other fail, and those that touch the same record are carried out
   * in the order in which they were asked for.
   */
  write(write: Write, options: CallOptions): Promise<WriteResult>;

  /**
   * Opens a session: host records written under it are deleted by the store when it is lost.
   * Aborting, or closing the store, while it is being opened leaves none behind.
   */
  openSession(options: CallOptions & { readonly ttlSeconds: number }): Promise<Session>;

  /**
   * Follows the records of one service from a revision on, through every disconnect, until it is
   * closed or the observer is told that it has ended. Does no I/O before it returns and never
   * calls the observer before it returns.
   */
  watch(target: WatchTarget, observer: WatchObserver): Watch;

  /**
   * What may explain that a reading found nothing of a service: that its records are kept where this
   * store does not see them. Undefined if nothing is known of such a place. It asks seldom and never
   * for long, answers within `timeoutMs`, and never rejects; what it finds it also logs, once for
   * each service. Left out by stores that have nothing beside them.
   */
  hint?(service: string, options: { readonly timeoutMs: number }): Promise<string | undefined>;

  /** What is known of the way to the store at this moment, without asking it; also after {@link close}. */
  status(): StoreStatus;

  /**
   * Ends everything that is under way: calls reject with `CLOSED`, sessions that are still open are
   * revoked where the store can be reached (bounded), watches fall silent. Idempotent. No timer
   * and no socket is left when it resolves.
   */
  close(): Promise<void>;
}

export interface StoreCapabilities {
  /** Several changes of one {@link Write} become visible at once, or not at all. */
  readonly atomicWrites: boolean;

  /** Info and hosts of one service are read in one round trip, at one revision. */
  readonly oneRoundTrip: boolean;

  /** A watch tells why a host record was deleted. */
  readonly reasons: boolean;
}

export interface StoreStatus {
  /** Which part of the store, such as `https://etcd-1.internal:2379`, is in use; undefined while none is. Never carries credentials. */
  readonly endpoint: string | undefined;

  /** Why none is in use, if that is so and the reason is known. */
  readonly failure: Error | undefined;

  /** When anything last came from the store, by its clock; undefined: nothing has yet. */
  readonly answeredAt: number | undefined;

  /** The newest revision that any answer has told of; 0: none yet. */
  readonly revision: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;

  /** How long the call may take in all, fail-over included; then it rejects with `TIMEOUT`, or with `UNAVAILABLE` if no endpoint could be reached at all. */
  readonly timeoutMs: number;
}

export interface ReadOptions extends CallOptions {
  /**
   * When the store has not come to an agreement for so long, in milliseconds, as while its members
   * choose a leader, what one of them knows by itself will do, if that is no older than anything this
   * store has told before, and is not that there is nothing. Default: it never will. Stores that are
   * one, or cannot do it, need not look at it.
   */
  readonly settleAfterMs?: number | undefined;

  /**
   * Whether it may wait for the end of this turn of the event loop, to travel with what else is read
   * then. Default: false. Stores for which that is nothing need not look at it.
   */
  readonly together?: boolean | undefined;
}

/** Which records of a service. */
export interface Selection {
  readonly info: boolean;

  /** All hosts, these, or none. */
  readonly hosts: "all" | readonly string[];
}

/** One record as it is stored. Reading its fields may decode it, so take what is needed only. */
export interface StoredRecord {
  /** The host's id; for an info, the service's name. */
  readonly id: string;

  /** The bytes as stored; text in UTF-8, as etcd v2 keeps nothing else. Not to be changed, and to be copied by whoever keeps them: they may be a part of all that came with them. */
  readonly value: Uint8Array;

  /**
   * The revision that wrote this value. (On etcd v2 that of the last refresh, for a host that another
   * client keeps alive: no watch tells of that, so of two readings the later one may have the higher
   * revision and the same value.)
   */
  readonly revision: number;
}

export interface Listing {
  /** The revision at which all of this was true. A watch that goes on from here starts at `revision + 1`. */
  readonly revision: number;
  readonly info: StoredRecord | undefined;

  /** Sorted by the bytes of their ids. */
  readonly hosts: readonly StoredRecord[];
}

/** Names a record within a service: its info, or the host of that id. */
export type RecordName = { readonly kind: "info" } | { readonly kind: "host"; readonly id: string };

/**
 * What must be true of a record for a write to be carried out: that it was last written at this
 * revision (0: that there is no such record), or that there is one and its bytes are these,
 * whenever they were written.
 */
export type Condition =
  | { readonly record: RecordName; readonly revision: number }
  | { readonly record: RecordName; readonly value: Uint8Array };

export type Change =
  | { readonly kind: "put-info"; readonly value: Uint8Array }
  | {
      readonly kind: "put-host";
      readonly id: string;
      readonly value: Uint8Array;
      /** The session that the record lives by; it must be of this store. */
      readonly session: Session;
    }
  | {
      /** Overwrites a record that is there, which keeps the session it lives by. Absent: not written. An operator's write, so without a session of its own. */
      readonly kind: "replace-host";
      readonly id: string;
      readonly value: Uint8Array;
    }
  | { readonly kind: "delete-host"; readonly id: string };

export interface Write {
  readonly service: string;
  readonly conditions: readonly Condition[];

  /** At most 60, each of another record. */
  readonly changes: readonly Change[];
}

export type WriteResult =
  | {
      readonly applied: true;
      /** The revision that all changes got. (Where `atomicWrites` is not declared: the last one's.) */
      readonly revision: number;

      /** Where `atomicWrites` is not declared: what each change got, in their order. */
      readonly revisions?: readonly number[] | undefined;
    }
  | {
      readonly applied: false;
      /** The records named by the conditions, as they were when these did not hold. */
      readonly current: Listing;
    };

/** Names a host's record. */
export interface HostName {
  readonly service: string;
  readonly id: string;
}

/** A lease: while it lives, so do the host records written under it. Kept alive by the driver. */
export interface Session {
  /** What the store granted, which may be more than was asked for. */
  readonly ttlSeconds: number;

  /** How long it lives without another answer of the store, as far as can be known; 0 when it is lost. */
  readonly remainingMs: number;

  /**
   * Aborted when the session has ended: the store said so, or its time ran out with no answer.
   * Its `reason` is a `DiscoveryError`. Also aborted by `close()`, with `CLOSED`.
   */
  readonly ended: AbortSignal;

  /**
   * Aborted when the store may end this session by mistake, though it goes on until then: what lives
   * by it had better be written again under another one. Left out by stores that do not err so.
   */
  readonly outdated?: AbortSignal | undefined;

  /**
   * Ends the session if no record lives by it, and resolves with the hosts whose records do: none if it
   * has ended. Only where there is {@link outdated}.
   */
  retire?(options: CallOptions): Promise<readonly HostName[]>;

  /** Ends the session and with it its records, as far as the store can be reached. Idempotent, never rejects. */
  close(options: CallOptions): Promise<void>;
}

export interface WatchTarget {
  readonly service: string;

  /** The service's info, its hosts, both, or one host. */
  readonly part: "all" | "info" | { readonly host: string };

  /** The first revision that is wanted. */
  readonly from: number;

  /**
   * Whether it may begin a moment later, as whoever watches its own records is in no hurry: for a store
   * to which a watch is a connection. What happens until then is told all the same. Default: false.
   */
  readonly patient?: boolean | undefined;
}

export interface Watch {
  /** Ends it: the observer is not called again. Idempotent. */
  close(): void;
}

/** Told by a watch, in order, never re-entrantly. What an observer throws is its own fault and is logged. */
export interface WatchObserver {
  /** The store has confirmed the watch, at first or again after {@link interrupted}. */
  established(): void;

  /**
   * What happened at one revision: to all hosts in one batch, and to the info in the same, or else,
   * where a store keeps infos apart and is late with them, in another one of that revision.
   * Revisions of one record only ever grow.
   */
  changed(batch: WatchBatch): void;

  /** The connection is gone; changes may be late. The driver goes on by itself. */
  interrupted(error: Error): void;

  /**
   * The watch is over because it cannot promise completeness: list again, tell the difference, and
   * watch anew from there. Nothing is called after this.
   */
  ended(reason: WatchEnd, error: Error): void;
}

/**
 * - `compacted`: the store no longer has the revisions in between;
 * - `replaced`: another cluster answers, or the store's revisions went back;
 * - `refused`: the store does not let this user watch, or no longer.
 */
export type WatchEnd = "compacted" | "replaced" | "refused";

export interface WatchBatch {
  readonly revision: number;
  readonly changes: readonly WatchChange[];
}

export type WatchChange =
  | {
      readonly kind: "put";
      readonly record: RecordName;
      readonly stored: StoredRecord;

      /** The store knows that the same bytes were there before: whoever has read them need not do so again. */
      readonly unchanged?: boolean | undefined;
    }
  | {
      readonly kind: "delete";
      readonly record: RecordName;
      readonly revision: number;
      /** Only where `reasons` is declared. */
      readonly reason?: "unregistered" | "expired" | undefined;
    };
