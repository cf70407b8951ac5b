import type { CancelTimer, Clock } from "../../async/clock.ts";
import { DiscoveryError } from "../../errors.ts";
import type { CallOptions, Session } from "../store.ts";
import type { HeldHost, Holder } from "./held-hosts.ts";

/** Which part of a host's time passes before it is asked for anew; the rest is for further tries. */
const refreshAfter = 0.7;

/** Hosts that are due within this part of the time are refreshed together. */
const together = 0.03;

/** How many are refreshed at once, so that none waits in line while its time to be answered runs. */
const mostAtOnce = 16;

/** The shortest pause after a refresh that failed. */
const shortestPauseMs = 50;

/** What a session needs of its store. */
export interface SessionOwner {
  readonly clock: Clock;

  /**
   * Asks etcd for another full time for a host. Resolves with whether this session goes on holding
   * it; rejects if there was no answer.
   */
  refresh(session: TtlSession, host: HeldHost, timeoutMs: number): Promise<boolean>;

  /** Deletes what was put, or is about to be put, under the session. Never rejects. */
  takeOff(keys: readonly string[], options: CallOptions): Promise<void>;

  /** The session has ended. */
  sessionEnded(session: TtlSession): void;
}

/**
 * What v3 calls a lease, made of what v2 has: every record has a time of its own, and as long as this
 * session lives each is refreshed before it runs out. A host that is gone all the same is put again;
 * the session has ended when for its whole time etcd has granted nothing to any of them.
 */
export class TtlSession implements Session, Holder {
  readonly ttlSeconds: number;
  readonly #owner: SessionOwner;
  readonly #ended = new AbortController();

  /** By their keys; the one that was refreshed longest ago comes first. */
  readonly #hosts = new Map<string, HeldHost>();
  readonly #refreshing = new Set<HeldHost>();

  /** Keys that are about to be put under it, and how often. */
  readonly #coming = new Map<string, number>();
  readonly #retryAt = new Map<HeldHost, number>();
  #stopSweep: CancelTimer | undefined;
  #stopExpiry: CancelTimer | undefined;
  #closing: Promise<void> | undefined;
  #failure: Error | undefined;

  /** When the request was sent for which etcd last granted any of them its time. */
  #grantedAt = -Infinity;

  constructor(owner: SessionOwner, ttlSeconds: number) {
    this.#owner = owner;
    this.ttlSeconds = ttlSeconds;
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  get remainingMs(): number {
    if (this.ended.aborted) return 0;
    if (this.#hosts.size === 0) return this.#ttlMs;
    return Math.min(this.#ttlMs, Math.max(0, this.#expiresAt - this.#owner.clock.now()));
  }

  /** A host is about to be put under this session; the returned function says that it is settled. */
  expect(key: string): () => void {
    this.#coming.set(key, (this.#coming.get(key) ?? 0) + 1);
    return () => {
      const left = (this.#coming.get(key) ?? 1) - 1;
      if (left === 0) this.#coming.delete(key);
      else this.#coming.set(key, left);
    };
  }

  /** Keeps a host alive from now on. */
  hold(host: HeldHost): void {
    this.#hosts.set(host.key, host);
    this.#grantedAt = Math.max(this.#grantedAt, host.renewedAt);
    this.#schedule();
  }

  release(host: HeldHost): void {
    if (this.#hosts.get(host.key) === host) this.#hosts.delete(host.key);
    this.#retryAt.delete(host);
  }

  end(reason: DiscoveryError): void {
    if (this.ended.aborted) return;
    this.#stopSweep?.();
    this.#stopExpiry?.();
    this.#owner.sessionEnded(this);
    this.#ended.abort(reason);
  }

  close(options: CallOptions): Promise<void> {
    const keys = [...new Set([...this.#hosts.keys(), ...this.#coming.keys()])];
    const ended = this.ended.aborted;
    this.end(new DiscoveryError("CLOSED", "the session was closed"));
    this.#closing ??= ended ? Promise.resolve() : this.#owner.takeOff(keys, options);
    return this.#closing;
  }

  get #ttlMs(): number {
    return this.ttlSeconds * 1_000;
  }

  get #expiresAt(): number {
    return this.#grantedAt + this.#ttlMs;
  }

  /** The next look at what is due, unless one is to come already. */
  #schedule(): void {
    if (this.ended.aborted) return;
    this.#watchExpiry();
    if (this.#stopSweep !== undefined) return;
    const due = this.#nextDue();
    // When one is done there is a place again, and another look.
    if (due === undefined || this.#refreshing.size >= mostAtOnce) return;
    const { clock } = this.#owner;
    this.#stopSweep = clock.setTimeout(
      () => {
        this.#stopSweep = undefined;
        this.#sweep();
      },
      Math.max(0, due - clock.now()),
    );
  }

  #dueAt(host: HeldHost): number {
    return this.#retryAt.get(host) ?? host.renewedAt + this.#ttlMs * refreshAfter;
  }

  /** When the first that is not being refreshed has to be. */
  #nextDue(): number | undefined {
    let next: number | undefined;
    for (const host of this.#hosts.values()) {
      if (this.#refreshing.has(host)) continue;
      const due = this.#dueAt(host);
      if (next === undefined || due < next) next = due;
      // From here on they were all renewed later, and have not failed since.
      if (!this.#retryAt.has(host)) break;
    }
    return next;
  }

  #sweep(): void {
    const until = this.#owner.clock.now() + this.#ttlMs * together;
    for (const host of this.#hosts.values()) {
      if (this.#refreshing.size >= mostAtOnce) break;
      if (this.#refreshing.has(host)) continue;
      if (this.#dueAt(host) <= until) void this.#refresh(host);
      else if (!this.#retryAt.has(host)) break;
    }
    this.#schedule();
  }

  async #refresh(host: HeldHost): Promise<void> {
    const { clock } = this.#owner;
    this.#refreshing.add(host);
    this.#retryAt.delete(host);
    const startedAt = clock.now();
    try {
      const timeoutMs = this.#ttlMs * (1 - refreshAfter);
      const held = await this.#owner.refresh(this, host, timeoutMs);
      this.#failure = undefined;
      if (held) this.#grantedAt = Math.max(this.#grantedAt, startedAt);
      if (held && this.#hosts.get(host.key) === host) {
        host.renewedAt = startedAt;
        this.#hosts.delete(host.key);
        this.#hosts.set(host.key, host);
      }
    } catch (error) {
      this.#failure = error as Error;
      const pauseMs = Math.max(shortestPauseMs, this.#ttlMs * together);
      if (this.#hosts.get(host.key) === host) this.#retryAt.set(host, clock.now() + pauseMs);
    } finally {
      this.#refreshing.delete(host);
      this.#schedule();
    }
  }

  #watchExpiry(): void {
    if (this.#stopExpiry !== undefined || this.#hosts.size === 0) return;
    const { clock } = this.#owner;
    this.#stopExpiry = clock.setTimeout(
      () => {
        this.#stopExpiry = undefined;
        if (this.#hosts.size === 0 || this.#expiresAt > clock.now()) this.#schedule();
        else this.#runOut();
      },
      Math.max(0, this.#expiresAt - clock.now()),
    );
  }

  #runOut(): void {
    const message = `the session's ${this.ttlSeconds} s ran out without an answer of etcd`;
    this.end(new DiscoveryError("UNAVAILABLE", message, { cause: this.#failure }));
  }
}
