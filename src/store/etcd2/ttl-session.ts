import type { CancelTimer, Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import { DiscoveryError } from "../../errors.ts";
import type { CallOptions, Session } from "../store.ts";
import type { HeldHost, Holder } from "./held-hosts.ts";

/** Which part of a host's time passes before it is asked for anew; the rest is for further tries. */
const refreshAfter = 0.5;

/** The first time it may be half of that, by lot: hosts that were put together are not to be due together for ever. */
const firstRefreshAfter = 0.25;

/** Hosts that are due within this part of the time are refreshed together. */
const together = 0.05;

/** How many are refreshed at once. */
const mostAtOnce = 32;

/** The pause after a refresh that failed, as a part of the time, and the shortest one. */
const againAfter = 0.03;
const shortestPauseMs = 50;

/** What a session needs of its store. */
export interface SessionOwner {
  readonly clock: Clock;

  /** From 0 to below 1. */
  readonly random: () => number;

  /**
   * Asks etcd for another full time for a host. Resolves with when the request was sent that was
   * granted; undefined if this session does not hold the host any more. Rejects if there was no answer.
   */
  refresh(session: TtlSession, host: HeldHost, timeoutMs: number): Promise<number | undefined>;

  /** Deletes what was put, or is about to be put, under the session. Never rejects. */
  takeOff(keys: readonly string[], options: CallOptions): Promise<void>;

  /** The session has ended. */
  sessionEnded(session: TtlSession): void;
}

/** A host that lives by a session. */
interface Kept {
  readonly host: HeldHost;

  /** When it is to be refreshed next. */
  dueAt: number;
  refreshing: boolean;
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

  /** By their keys. */
  readonly #hosts = new Map<string, Kept>();
  #refreshing = 0;

  /** Those that are due and for which there was no place yet, the most urgent last. */
  #waiting: Kept[] = [];

  /** Keys that are about to be put under it, and how often. */
  readonly #coming = new Map<string, number>();

  /** The next look at what is due. */
  #sweep: { readonly at: number; readonly cancel: CancelTimer } | undefined;
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
    if (this.ended.aborted) return;
    const part = firstRefreshAfter + (refreshAfter - firstRefreshAfter) * this.#owner.random();
    const dueAt = host.renewedAt + this.#ttlMs * part;
    this.#hosts.set(host.key, { host, dueAt, refreshing: false });
    this.#grantedAt = Math.max(this.#grantedAt, host.renewedAt);
    this.#lookAt(dueAt);
    this.#watchExpiry();
  }

  release(host: HeldHost): void {
    if (this.#hosts.get(host.key)?.host === host) this.#hosts.delete(host.key);
  }

  end(reason: DiscoveryError): void {
    if (this.ended.aborted) return;
    this.#sweep?.cancel();
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

  /** Looks at what is due at that time, or sooner. */
  #lookAt(at: number): void {
    if (this.ended.aborted || (this.#sweep !== undefined && this.#sweep.at <= at)) return;
    this.#sweep?.cancel();
    const { clock } = this.#owner;
    const look = (): void => {
      this.#sweep = undefined;
      this.#refreshDue();
    };
    this.#sweep = { at, cancel: clock.setTimeout(look, Math.max(0, at - clock.now())) };
  }

  #refreshDue(): void {
    const until = this.#owner.clock.now() + this.#ttlMs * together;
    let next = Infinity;
    const due: Kept[] = [];
    for (const kept of this.#hosts.values()) {
      if (kept.refreshing) continue;
      if (kept.dueAt <= until) due.push(kept);
      else if (kept.dueAt < next) next = kept.dueAt;
    }
    this.#waiting = due.sort((one, other) => other.dueAt - one.dueAt);
    this.#refreshWaiting();
    if (next < Infinity) this.#lookAt(next);
  }

  #refreshWaiting(): void {
    while (this.#refreshing < mostAtOnce && !this.ended.aborted) {
      const kept = this.#waiting.pop();
      if (kept === undefined) return;
      if (this.#hosts.get(kept.host.key) === kept) void this.#refresh(kept);
    }
  }

  async #refresh(kept: Kept): Promise<void> {
    const { clock } = this.#owner;
    kept.refreshing = true;
    this.#refreshing += 1;
    try {
      const timeoutMs = this.#ttlMs * (1 - refreshAfter);
      const sentAt = await this.#owner.refresh(this, kept.host, timeoutMs);
      this.#failure = undefined;
      if (sentAt !== undefined) {
        kept.host.renewedAt = sentAt;
        kept.dueAt = sentAt + this.#ttlMs * refreshAfter;
        this.#grantedAt = Math.max(this.#grantedAt, sentAt);
      }
    } catch (error) {
      this.#failure = error as Error;
      kept.dueAt = clock.now() + Math.max(shortestPauseMs, this.#ttlMs * againAfter);
    } finally {
      kept.refreshing = false;
      this.#refreshing -= 1;
      this.#refreshWaiting();
      this.#lookAt(kept.dueAt);
    }
  }

  /** The time in which this process stood still counts: what it has not read may have been granted, or not. */
  #watchExpiry(): void {
    if (this.#stopExpiry !== undefined || this.#hosts.size === 0 || this.ended.aborted) return;
    const { clock } = this.#owner;
    const look = (): void => {
      this.#stopExpiry = undefined;
      if (this.#hosts.size === 0 || this.#expiresAt > clock.now()) this.#watchExpiry();
      else this.#runOut();
    };
    this.#stopExpiry = overdue(clock, look, Math.max(0, this.#expiresAt - clock.now()), false);
  }

  #runOut(): void {
    const message = `the session's ${this.ttlSeconds} s ran out without an answer of etcd`;
    this.end(new DiscoveryError("UNAVAILABLE", message, { cause: this.#failure }));
  }
}
