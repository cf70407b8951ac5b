import type { DiscoveryError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Session, Store } from "../store/store.ts";
import type { WriteSize } from "./host-writes.ts";
import type { LateWriteGuard } from "./late-write-guard.ts";
import type { RegisterReport } from "./register-report.ts";

/** What registering needs of the `Discovery` it is part of. */
export interface RegisterContext {
  readonly store: Store;

  /** How long one call to the store may take. */
  readonly timeoutMs: number;

  /** How long a record outlives its process, as far as the store grants it. */
  readonly ttlSeconds: number;

  readonly logger: Logger;

  /** A number from 0 up to 1, as `Math.random`. */
  readonly random: () => number;

  /** How often own records are compared with the store, give or take a fifth; 5 minutes unless told otherwise. */
  readonly reconcileMs?: number | undefined;

  /** Keeps the process alive until the returned function is called. */
  readonly hold: () => () => void;

  /** Told of each record that was skipped because it cannot be read. */
  readonly onMalformed: (record: {
    readonly service: string;
    readonly kind: "host" | "info";
    readonly id: string;
    readonly error: DiscoveryError;
  }) => void;

  /** Told what befalls registrations and their session. */
  readonly report: RegisterReport;
}

/** What a keeper needs besides: the session that all keepers share. */
export interface KeeperContext extends RegisterContext {
  /** The living session, if there is one. */
  readonly session: () => Session | undefined;

  readonly guard: LateWriteGuard;
  readonly writeSize: WriteSize;

  /** Resolves with a living session; rejects only when nobody wants one any more. */
  readonly openSession: () => Promise<Session>;
}
