import { delay } from "../async/abort.ts";
import { Backoff } from "../async/backoff.ts";
import type { CancelTimer, Clock } from "../async/clock.ts";
import { isDiscoveryError } from "../errors.ts";
import type { HostName, Session, Store } from "../store/store.ts";

const firstTryMs = 1_000;

/** Over which part of their time sessions are replaced that become outdated at once. */
const replaceSpread = 0.25;

/** How long after what lives by a replaced session was written again it is looked at, at first. */
const firstLookMs = 50;

export interface SessionHolderOptions {
  readonly store: Store;
  readonly ttlSeconds: number;
  readonly timeoutMs: number;

  /** A try to open a session failed; another follows by itself. */
  readonly onFailure: (error: Error) => void;

  readonly onOpened: (session: Session) => void;

  /** A session has ended, and what was written under it is gone or will be. */
  readonly onLost: (session: Session, error: Error) => void;

  /** These live by a session that was replaced, and have to be written again. Returns whether any of them is still wanted. */
  readonly onLeft: (hosts: readonly HostName[]) => boolean;
  readonly random: () => number;
}

/**
 * Holds the one session that all registrations of a `Discovery` live by: opens it when it is first
 * wanted, tries again for as long as it is wanted, and opens a new one when it was lost.
 */
export class SessionHolder {
  readonly #options: SessionHolderOptions;
  readonly #clock: Clock;
  readonly #backoff = new Backoff({ maximumMs: 1_000 });
  #session: Session | undefined;
  #openedAt: number | undefined;

  /** Sessions that were replaced, as long as something may live by them. */
  readonly #replaced = new Set<Session>();
  #opening: { readonly promise: Promise<Session>; readonly abort: AbortController } | undefined;
  #linger: CancelTimer | undefined;

  constructor(options: SessionHolderOptions) {
    this.#options = options;
    this.#clock = options.store.clock;
  }

  /** The living session, if there is one. */
  get current(): Session | undefined {
    return this.#session?.ended.aborted === false ? this.#session : undefined;
  }

  /** How long ago the living session was opened, in milliseconds. */
  get ageMs(): number {
    return this.#openedAt === undefined ? 0 : this.#clock.now() - this.#openedAt;
  }

  /** Resolves with a living session; rejects only when nobody wants one any more. */
  open(): Promise<Session> {
    this.#linger?.();
    this.#linger = undefined;
    const { current } = this;
    if (current?.outdated?.aborted) void this.#replace(current);
    return current === undefined ? this.#openAnother() : Promise.resolve(current);
  }

  /** Nobody needs the session for now: it is given back if that stays so for as long as it would live. */
  release(): void {
    this.#opening?.abort.abort(new Error("no registration is left"));
    const session = this.current;
    if (session === undefined || this.#linger !== undefined) return;
    this.#linger = this.#clock.setTimeout(() => {
      this.#linger = undefined;
      void this.close(this.#options.timeoutMs);
    }, session.ttlSeconds * 1_000);
  }

  /** Ends the session, and with it every record that was written under it. */
  async close(timeoutMs: number): Promise<void> {
    this.#linger?.();
    this.#linger = undefined;
    this.#opening?.abort.abort(new Error("the discovery was closed"));
    const sessions = [...this.#replaced];
    if (this.#session !== undefined) sessions.push(this.#session);
    this.#session = undefined;
    await Promise.all(sessions.map((session) => session.close({ timeoutMs })));
  }

  #openAnother(): Promise<Session> {
    if (this.#opening === undefined) {
      const abort = new AbortController();
      const promise = this.#open(abort.signal).finally(() => {
        this.#opening = undefined;
      });
      promise.catch(() => {});
      this.#opening = { promise, abort };
    }
    return this.#opening.promise;
  }

  /** The session lives, but had better not be relied upon: opens another, and lets this one go when nothing lives by it. */
  async #replace(session: Session): Promise<void> {
    // One that nobody needs for now is replaced when it is needed again.
    const { ended, ttlSeconds } = session;
    const known = this.#session !== session || this.#replaced.has(session);
    if (known || ended.aborted || this.#linger !== undefined) return;
    this.#replaced.add(session);
    try {
      // All processes hear of it at about the same time.
      const spreadMs = ttlSeconds * 1_000 * replaceSpread;
      await delay(this.#clock, this.#options.random() * spreadMs, ended);
      await this.#openAnother();
      for (let pauseMs = firstLookMs; await this.#livesOn(session); pauseMs *= 2) {
        await delay(this.#clock, Math.min(pauseMs, (ttlSeconds * 1_000) / 3), ended);
      }
    } catch {
      // It has ended, or nobody wants another one.
    } finally {
      this.#replaced.delete(session);
      // Somebody has come to want one meanwhile.
      void this.#replace(session);
    }
  }

  /** Whether something still lives by a session that was replaced, which is seen to. */
  async #livesOn(session: Session): Promise<boolean> {
    const { onLeft, timeoutMs } = this.#options;
    try {
      const hosts = (await session.retire?.({ timeoutMs })) ?? [];
      if (hosts.length === 0) return false;
      if (onLeft(hosts)) return true;
    } catch {
      return true;
    }
    await session.close({ timeoutMs });
    return false;
  }

  async #open(signal: AbortSignal): Promise<Session> {
    const { store, ttlSeconds, timeoutMs, onFailure } = this.#options;
    const previous = this.#openedAt;
    if (previous !== undefined) {
      // One that did not last is no success: opening the next at once could go on like that for ever.
      const sinceMs = this.#clock.now() - previous;
      if (sinceMs >= ttlSeconds * 1_000) this.#backoff.reset();
      else await delay(this.#clock, Math.max(0, this.#backoff.next() - sinceMs), signal);
    }
    // The first try is short, so that whoever waits soon learns why there is nothing yet.
    for (let triesMs = Math.min(firstTryMs, timeoutMs); ; triesMs = timeoutMs) {
      try {
        const session = await store.openSession({ ttlSeconds, timeoutMs: triesMs, signal });
        if (signal.aborted) {
          void session.close({ timeoutMs });
          throw signal.reason;
        }
        this.#adopt(session);
        return session;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        onFailure(error as Error);
      }
      await delay(this.#clock, this.#backoff.next(), signal);
    }
  }

  #adopt(session: Session): void {
    this.#session = session;
    this.#openedAt = this.#clock.now();
    this.#options.onOpened(session);
    session.outdated?.addEventListener("abort", () => void this.#replace(session), { once: true });
    session.ended.addEventListener(
      "abort",
      () => {
        const inUse = this.#session === session;
        if (inUse) this.#session = undefined;
        const reason = session.ended.reason as Error;
        const own = isDiscoveryError(reason, "CLOSED");
        if (inUse || (this.#replaced.has(session) && !own)) this.#options.onLost(session, reason);
      },
      { once: true },
    );
  }
}
