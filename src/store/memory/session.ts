import type { CancelTimer, Clock } from "../../async/clock.ts";
import { DiscoveryError } from "../../errors.ts";
import type { CallOptions, Session } from "../store.ts";
import type { Lease } from "./lease.ts";

/** What a session needs of its client. */
export interface SessionOwner {
  readonly clock: Clock;

  /** The session has ended; nothing keeps its lease any longer. */
  sessionEnded(session: MemorySession): void;

  /** Revokes the lease, as far as the server can be reached. Never rejects. */
  revoke(lease: Lease, options: CallOptions): Promise<void>;
}

/**
 * A session of a memory store. As long as its client reaches the server it is simply alive: there
 * are no keep-alive messages to be late. From the moment that contact is lost its time runs.
 */
export class MemorySession implements Session {
  readonly ttlSeconds: number;
  readonly lease: Lease;
  readonly #owner: SessionOwner;
  readonly #ended = new AbortController();
  #contact: { readonly lostAt: number; readonly stop: CancelTimer } | undefined;

  constructor(owner: SessionOwner, lease: Lease, ttlSeconds: number) {
    this.#owner = owner;
    this.lease = lease;
    this.ttlSeconds = ttlSeconds;
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  get remainingMs(): number {
    if (this.ended.aborted) return 0;
    if (this.#contact === undefined) return this.lease.ttlMs;
    return Math.max(0, this.#contact.lostAt + this.lease.ttlMs - this.#owner.clock.now());
  }

  contactLost(): void {
    if (this.ended.aborted || this.#contact !== undefined) return;
    const { clock } = this.#owner;
    const runOut = (): void => {
      const message = `the session's ${this.ttlSeconds} s ran out without an answer of the store`;
      this.end(new DiscoveryError("UNAVAILABLE", message));
    };
    this.#contact = { lostAt: clock.now(), stop: clock.setTimeout(runOut, this.lease.ttlMs) };
  }

  contactMade(): void {
    this.#contact?.stop();
    this.#contact = undefined;
  }

  end(reason: DiscoveryError): void {
    if (this.ended.aborted) return;
    this.contactMade();
    this.#owner.sessionEnded(this);
    this.#ended.abort(reason);
  }

  async close(options: CallOptions): Promise<void> {
    this.end(new DiscoveryError("CLOSED", "the session was closed"));
    await this.#owner.revoke(this.lease, options);
  }
}
