import type { DiscoveryError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { PreparedHost } from "../model/host-options.ts";
import { encodeHost, type HostRecord } from "../model/record.ts";
import type { Session } from "../store/store.ts";
import { type Credentials, given, sameCredentials } from "./credentials.ts";
import { closed, isDenied } from "./registration-errors.ts";
import type { RegistrationEvents, RegistrationState } from "./registration-state.ts";
import { type Waiter, Waiters } from "./waiters.ts";

/** How many writes without an answer are remembered of a host. */
const mostAttempts = 4;

/** What was seen of a record by a watch or a listing, still to be judged. */
export type Observation = {
  readonly revision: number;
  readonly value: Uint8Array | undefined;
};

/**
 * One wanted host: the newest record that its owner wants on the store, and what is known to be
 * there. The keeper of its service brings the two together; a `Registration` is its public face.
 */
export class Entry {
  readonly service: string;
  readonly uuid: string;

  /** Whether its owner brought credentials that are still to be announced, with the first registration. */
  announces: boolean;

  /** Settled when nothing of this entry is, or can come, on the store any more. */
  readonly gone: Promise<void>;
  markGone: () => void = () => {};

  /** The newest record. Replaced, never changed, so that a write can tell whether it wrote the newest. */
  wanted: PreparedHost;

  /** The bytes known to be on the store, and their revision. */
  stored: { readonly revision: number; readonly value: Uint8Array } | undefined;

  /** Under which session a write was last asked for; from then on something of this entry may be on the store. */
  session: Session | undefined;

  /** A write of it has failed, and may be carried out all the same, at any time. */
  unanswered = false;

  /** The record has to be written. */
  dirty = true;

  /** The info has to be written with this host's hostname, ports and critical. */
  infoDirty = false;

  /** It was on the store and is not, or may not be: writing it again is a repair. */
  missing = false;

  /** The last time by the clock that it was put back. */
  undoneAt: number | undefined;

  /** What was last seen of it, if that is still to be judged. */
  observed: Observation | undefined;

  /** It is to be taken off the store. */
  ending = false;

  /** Its own health check keeps it off the store. */
  withheld: boolean;

  /** Since it was withdrawn nothing of it has been seen on the store, up to this revision. */
  absentAt: number | undefined;

  /** It is being withdrawn, and its record on the store may say that it is draining, which nobody has ordered. */
  marked = false;

  /** It drains because an operator has ordered that, who may take the order back. */
  drainOrdered = false;

  /** How many changes of its record, or of its service's info, the store never told of. */
  driftRepaired = 0;

  readonly #logger: Logger;
  readonly #listeners = new Map<keyof RegistrationEvents, Set<(event: never) => void>>();

  /** Wait for the first registration. */
  readonly #waiters = new Waiters();

  /** Wait until the newest record is on the store. */
  readonly #writers = new Waiters();
  #state: RegistrationState = "registering";
  #registered = false;

  /** What writes without an answer would have put there since the last one that had one. */
  readonly #attempts: Uint8Array[] = [];
  #lastError: DiscoveryError | undefined;
  #encoded: { readonly of: HostRecord; readonly value: Uint8Array } | undefined;

  /** @param withheld as long as its health check has not succeeded */
  constructor(service: string, prepared: PreparedHost, logger: Logger, withheld = false) {
    this.service = service;
    this.uuid = prepared.record.uuid;
    this.wanted = prepared;
    this.withheld = withheld;
    this.announces = prepared.record.public && given(prepared.record);
    this.#logger = logger;
    this.gone = new Promise((resolve) => {
      this.markGone = resolve;
    });
  }

  get record(): HostRecord {
    return this.wanted.record;
  }

  get public(): boolean {
    return this.wanted.record.public;
  }

  /** Where it stands: never on the store with a session whose time has run out, even if nobody had a turn yet to notice. */
  get state(): RegistrationState {
    const onStore = this.#state === "registered" || this.#state === "draining";
    return onStore && this.session?.remainingMs === 0 ? "lost" : this.#state;
  }

  get lastError(): DiscoveryError | undefined {
    return this.#lastError;
  }

  /** Whether it has been on the store once. */
  get registered(): boolean {
    return this.#registered;
  }

  /** Whether it is to go off the store, where something of it is, or may be. */
  get leaving(): boolean {
    if (this.ending) return true;
    return this.withheld && (this.session !== undefined || this.stored !== undefined);
  }

  /** The newest of what is known of its record: news that is no newer is none. */
  get knownAt(): number {
    return Math.max(this.stored?.revision ?? 0, this.absentAt ?? 0);
  }

  /** The bytes of a record of this host: the newest one, unless told otherwise. */
  encode(record: HostRecord = this.record): Uint8Array {
    if (this.#encoded?.of !== record) this.#encoded = { of: record, value: encodeHost(record) };
    return this.#encoded.value;
  }

  /** Takes over the credentials of the service; returns whether they are news. */
  setCredentials(credentials: Credentials): boolean {
    if (sameCredentials(this.record, credentials)) return false;
    const { user, password } = credentials;
    this.wanted = { ...this.wanted, record: { ...this.record, user, password } };
    this.dirty = true;
    return true;
  }

  /** Its owner wants it to drain, or not to. */
  setDraining(draining: boolean): void {
    this.drainOrdered = false;
    this.#drain(draining);
  }

  /** An operator wants it to drain, or takes that back: so it is on the store already. */
  order(draining: boolean): void {
    this.drainOrdered = draining;
    this.#drain(draining);
    if (draining) this.become("draining");
    else if (this.#state === "draining") this.become("registered");
  }

  #drain(draining: boolean): void {
    if (this.record.draining === draining) return;
    this.wanted = { ...this.wanted, record: { ...this.record, draining } };
    this.dirty = true;
  }

  /** Whether a write of these bytes had no answer. */
  isAttempt(value: Uint8Array): boolean {
    return this.#attempts.some((attempt) => Buffer.compare(value, attempt) === 0);
  }

  /** These bytes may be on the store, or come there later: their write had no answer. */
  attempted(value: Uint8Array): void {
    this.unanswered = true;
    if (this.isAttempt(value)) return;
    if (this.#attempts.push(value) > mostAttempts) this.#attempts.shift();
  }

  /** The store has confirmed these bytes. */
  confirm(written: HostRecord, value: Uint8Array, revision: number, now: number): void {
    if (this.missing) this.undoneAt = now;
    this.missing = false;
    this.stored = { revision, value };
    this.#attempts.length = 0;
    this.#registered = true;
    if (this.ending) return;
    this.#waiters.resolve();
    if (this.withheld) this.become("unhealthy");
    // It may be well again since it was marked.
    const isMark = this.marked && written.draining && !this.record.draining;
    if (this.withheld || isMark) return;
    this.absentAt = undefined;
    this.marked = false;
    if (this.record === written) this.dirty = false;
    this.#lastError = undefined;
    this.become(written.draining ? "draining" : "registered");
    if (!this.dirty) this.#writers.resolve();
  }

  /** These bytes are on the store: if they are those wanted, there is nothing to write. */
  settle(value: Uint8Array): void {
    if (Buffer.compare(value, this.encode()) !== 0) return;
    this.dirty = false;
    this.#writers.resolve();
  }

  /** The record is not, or perhaps not, on the store any more. */
  lose(error: DiscoveryError): void {
    this.stored = undefined;
    this.missing = this.#registered;
    this.dirty = true;
    if (this.ending || this.withheld) return;
    this.#lastError = error;
    if (this.#registered) this.become("lost");
  }

  /** Its health check fails: from now on it is not to be on the store. */
  withhold(error: DiscoveryError): void {
    if (this.ending) return;
    this.withheld = true;
    this.#lastError = error;
    if (this.#registered) this.become("unhealthy");
    // There is nothing to be written that anybody could wait for.
    this.#writers.resolve();
  }

  /** Its health check has succeeded: it is to be on the store again, with the newest record. */
  admit(): void {
    if (this.ending) return;
    this.withheld = false;
    this.dirty = true;
    // Of what was withdrawn others may have taken the place, as of what was lost.
    this.missing = this.#registered;
    this.#lastError = undefined;
  }

  /** It was withdrawn from the store: there was nothing of it left at this revision, if that is known. */
  takenOff(revision: number | undefined): void {
    this.stored = undefined;
    this.session = undefined;
    this.absentAt = revision;
    this.dirty = true;
  }

  /** A try to write it has failed. */
  fail(error: DiscoveryError): void {
    if (this.ending || this.withheld) return;
    this.#lastError = error;
    // Well again, and not on the store for another reason.
    if (this.#registered && this.#state === "unhealthy") this.become("lost");
    if (!isDenied(error)) return;
    this.#waiters.reject(error);
    this.#writers.reject(error);
  }

  /** @param quietly whoever waits is told only by {@link letGo} */
  end(quietly = false): void {
    this.ending = true;
    this.become("closed");
    if (!quietly) this.letGo();
  }

  /** It has ended: nobody is to wait for anything of it any longer. */
  letGo(): void {
    if (this.#waiters.size + this.#writers.size === 0) return;
    const error = closed(this.service, this.#registered ? undefined : this.#lastError);
    this.#waiters.reject(error);
    this.#writers.reject(error);
  }

  /** Calls back once: when the newest record is on the store, or as soon as that is refused. */
  onWritten(waiter: Waiter): () => void {
    if (this.ending) waiter.reject(closed(this.service));
    else if (this.withheld || (this.#registered && !this.dirty)) waiter.resolve();
    else this.#writers.add(waiter);
    return () => this.#writers.delete(waiter);
  }

  /** Calls back once: when registered for the first time, or as soon as that is refused. */
  onFirstRegistered(waiter: Waiter): () => void {
    if (this.ending) waiter.reject(closed(this.service));
    else if (this.#registered) waiter.resolve();
    else if (this.#lastError !== undefined && isDenied(this.#lastError)) {
      waiter.reject(this.#lastError);
    } else this.#waiters.add(waiter);
    return () => this.#waiters.delete(waiter);
  }

  on<E extends keyof RegistrationEvents>(
    event: E,
    listener: (event: RegistrationEvents[E]) => void,
  ): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    // Of its own each time, so that a listener given twice is two, each with its undo.
    const own = (value: RegistrationEvents[E]) => listener(value);
    listeners.add(own);
    return () => listeners.delete(own);
  }

  emit<E extends keyof RegistrationEvents>(event: E, value: RegistrationEvents[E]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      const report = (error: unknown) =>
        this.#logger.error(`a listener for "${event}" of a registration threw`, {
          service: this.service,
          uuid: this.uuid,
          error,
        });
      try {
        // An async listener is allowed, and its failure as harmless as a throw.
        const result: unknown = (listener as (event: RegistrationEvents[E]) => unknown)(value);
        if (result instanceof Promise) result.catch(report);
      } catch (error) {
        report(error);
      }
    }
  }

  become(state: RegistrationState): void {
    if (this.#state === state || this.#state === "closed") return;
    this.#state = state;
    this.emit("state", state);
  }
}
