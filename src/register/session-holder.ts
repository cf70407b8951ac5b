import { delay } from "../async/abort.ts";
import { Backoff } from "../async/backoff.ts";
import type { CancelTimer, Clock } from "../async/clock.ts";
import type { Session, Store } from "../store/store.ts";

const firstTryMs = 1_000;

export interface SessionHolderOptions {
  readonly store: Store;
  readonly ttlSeconds: number;
  readonly timeoutMs: number;

  /** A try to open a session failed; another follows by itself. */
  readonly onFailure: (error: Error) => void;

  readonly onOpened: () => void;

  /** The session in use has ended, and what was written under it is gone or will be. */
  readonly onLost: (error: Error) => void;

  /** Another session is in use from now on. Resolves when nothing lives by this one any more, which still lives. */
  readonly onReplaced: (session: Session) => Promise<unknown>;
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

  /** The session lives, but had better not be relied upon. */
  async #replace(session: Session): Promise<void> {
    // One that nobody needs for now is replaced when it is needed again.
    if (this.#session !== session || this.#linger !== undefined) return;
    if (this.#replaced.has(session)) return;
    this.#replaced.add(session);
    try {
      await this.#openAnother();
      await this.#options.onReplaced(session);
      await session.close(this.#options);
    } catch {
      // Nobody wants another one: this one goes the way of all sessions.
    } finally {
      this.#replaced.delete(session);
    }
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
    this.#options.onOpened();
    session.outdated?.addEventListener("abort", () => void this.#replace(session), { once: true });
    session.ended.addEventListener(
      "abort",
      () => {
        if (this.#session !== session) return;
        this.#session = undefined;
        this.#options.onLost(session.ended.reason as Error);
      },
      { once: true },
    );
  }
}
