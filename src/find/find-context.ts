import type { Turnstile } from "../async/turnstile.ts";
import type { DiscoveryError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Store } from "../store/store.ts";
import type { FindReport } from "./find-report.ts";

/** What a `Discovery` lends to everything that finds and follows. */
export interface FindContext {
  readonly store: Store;

  /** How long one reading of the store may take. */
  readonly timeoutMs: number;

  /** What every reading of a mirror passes, so that a thousand of them do not read at once. */
  readonly turnstile: Turnstile;

  readonly logger: Logger;

  /** A number from 0 up to 1, as `Math.random`. */
  readonly random: () => number;

  /** Keeps the process alive until the returned function is called. */
  readonly hold: () => () => void;

  /** Told of each record that was skipped because it cannot be read. */
  readonly onMalformed: (record: MalformedRecord) => void;

  /** Told what befalls mirrors and pools. */
  readonly report: FindReport;

  /** How often a mirror is compared with the store, give or take a fifth; 5 minutes unless told otherwise. */
  readonly reconcileMs?: number | undefined;
}

/** A record that cannot be read. */
export interface MalformedRecord {
  readonly service: string;
  readonly kind: "host" | "info";

  /** The host's uuid; for an info, the service's name. */
  readonly id: string;

  /** Why: `MALFORMED_RECORD`. */
  readonly error: DiscoveryError;
}
