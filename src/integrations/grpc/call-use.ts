import type { HostUse } from "../../find/live/host-use.ts";
import type { LivePool } from "../../find/live/live-pool.ts";
import { outcomeOfError } from "../../find/live/outcome.ts";

/**
 * The use of a host by one call, from the pick on, so that of calls made at once only one tries a
 * host that has failed. gRPC does not tell of a pick that no call comes of, as when the connection is
 * lost meanwhile; so a use whose call does not begin soon is ended, and begins again with the call.
 */
export class CallUse {
  readonly #pool: LivePool;
  readonly #picked: HostUse;
  #use: HostUse | undefined;
  #abandoned = false;

  constructor(pool: LivePool, picked: HostUse) {
    this.#pool = pool;
    this.#picked = picked;
    setImmediate(() => this.#abandon());
  }

  /** The call is under way. */
  started(): void {
    this.#use = this.#abandoned ? this.#pool.beginOn(this.#picked.host) : this.#picked;
  }

  /** The call has ended with this status. */
  ended(code: number, details: string): void {
    this.#use?.end(outcomeOfError({ code, details }));
  }

  #abandon(): void {
    if (this.#use !== undefined) return;
    this.#abandoned = true;
    this.#picked.end("undecided");
  }
}
