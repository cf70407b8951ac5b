import type { HostUse } from "../../find/live/host-use.ts";
import type { LivePool } from "../../find/live/live-pool.ts";
import { outcomeOfError } from "../../find/live/outcome.ts";

/** Whoever has not begun so long after the pick may never begin. */
const patienceMs = 1_000;

/**
 * The uses of hosts by the calls of a channel, each from its pick on, so that of calls made at once
 * only one tries a host that has failed. gRPC does not tell of a pick that no call comes of, as when
 * its caller gives up meanwhile; so a use whose call does not begin is ended when others are picked,
 * and begins again if the call does.
 */
export class CallUses {
  /** Those whose calls have not begun, the oldest first. */
  readonly #waiting = new Set<CallUse>();

  /** A host was picked for a call. */
  picked(pool: LivePool, use: HostUse): CallUse {
    const now = performance.now();
    for (const waiting of this.#waiting) {
      if (now - waiting.at < patienceMs) break;
      this.#waiting.delete(waiting);
      waiting.abandon();
    }
    const callUse = new CallUse(pool, use, now, this.#waiting);
    this.#waiting.add(callUse);
    return callUse;
  }
}

/** The use of a host by one call. */
export class CallUse {
  readonly at: number;
  readonly #pool: LivePool;
  readonly #picked: HostUse;
  readonly #waiting: Set<CallUse>;
  #use: HostUse | undefined;
  #abandoned = false;

  constructor(pool: LivePool, picked: HostUse, at: number, waiting: Set<CallUse>) {
    this.#pool = pool;
    this.#picked = picked;
    this.at = at;
    this.#waiting = waiting;
  }

  /** The call is under way. */
  started(): void {
    this.#waiting.delete(this);
    this.#use = this.#abandoned ? this.#pool.beginOn(this.#picked.host) : this.#picked;
  }

  /** The call has ended with this status. */
  ended(code: number, details: string): void {
    this.#use?.end(code === 0 ? "succeeded" : outcomeOfError({ code, details }));
  }

  /** No call comes of it, as far as can be told. */
  abandon(): void {
    this.#abandoned = true;
    this.#picked.end("undecided");
  }
}
