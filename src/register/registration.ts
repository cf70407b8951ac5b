import { abortable, delay, onAbort, settledWithin } from "../async/abort.ts";
import { Latest } from "../async/latest.ts";
import {
  optionalMilliseconds,
  optionalSignal,
  optionsBag,
  signalOf,
  type WaitOptions,
} from "../arguments.ts";
import { DiscoveryError } from "../errors.ts";
import { assertRecordSize, type HostChanges, updateHost } from "../model/host-options.ts";
import { assertOptionNames } from "../model/option-names.ts";
import { kindOf, refuse, shown } from "../model/refuse.ts";
import { type Credentials, given } from "./credentials.ts";
import type { Entry } from "./entry.ts";
import type { Rotation } from "./public-hosts.ts";
import type { RegisterContext } from "./register-context.ts";
import { closed } from "./registration-errors.ts";
import type { RegistrationEvents, RegistrationState } from "./registration-state.ts";
import type { ServiceKeeper } from "./service-keeper.ts";

export interface DrainOptions extends WaitOptions {
  /** How long the host stays listed as draining, in milliseconds: give its clients time to see it. Default: 5,000. */
  readonly delayMs?: number | undefined;
}

/**
 * A host that is kept registered for as long as its process lives, whatever happens to etcd, until
 * it is ended: by `unregister()`, by the signal it was registered with, or by closing the
 * `Discovery`. Keeps the process alive until then.
 */
export class Registration implements AsyncDisposable {
  readonly #entry: Entry;
  readonly #keeper: ServiceKeeper;
  readonly #context: RegisterContext;
  readonly #end: () => Promise<void>;

  /** @internal `end` takes the entry off the store; it may be called again. */
  constructor(
    entry: Entry,
    keeper: ServiceKeeper,
    context: RegisterContext,
    end: () => Promise<void>,
  ) {
    this.#entry = entry;
    this.#keeper = keeper;
    this.#context = context;
    this.#end = end;
  }

  /** The service's name. */
  get service(): string {
    return this.#entry.service;
  }

  /** `<uuid v4>-<private hostname>`, made once and kept however often the record has to be put back. */
  get uuid(): string {
    return this.#entry.uuid;
  }

  /** Whether it has been registered once, and has not ended since; also while it is withdrawn because its health check fails. */
  get ready(): boolean {
    return this.#entry.registered && !this.#entry.ending;
  }

  /** Where it stands now. */
  get state(): RegistrationState {
    return this.#entry.state;
  }

  /** Why it is not registered, as far as that is known, such as what its health check has found; else undefined. */
  get lastError(): DiscoveryError | undefined {
    return this.#entry.lastError;
  }

  /**
   * Resolves once it has been registered for the first time. Rejects with `CLOSED` when it has
   * ended, and at once with `UNAUTHENTICATED` or `PERMISSION_DENIED` while it goes on trying, since
   * a role can be granted later. An unreachable etcd is waited for, and so is the first success of its
   * health check.
   */
  waitRegistration(options: WaitOptions = {}): Promise<void> {
    const signal = signalOf(options);
    let stop = () => {};
    const registered = new Promise<void>((resolve, reject) => {
      stop = this.#entry.onFirstRegistered({ resolve, reject });
    });
    return abortable(registered, signal).finally(() => stop());
  }

  /**
   * The credentials in force: of a public host, those of its service. Throws `NOT_READY` before the
   * first registration, as another host may know newer ones.
   */
  credentials(): Credentials {
    if (!this.#entry.registered) {
      throw new DiscoveryError(
        "NOT_READY",
        `the credentials of "${this.service}" are known once it is registered: await waitRegistration() first`,
      );
    }
    const { user, password } = this.#entry.record;
    return { user, password };
  }

  /**
   * Each change of the credentials that another host makes, from this call on; a late reader gets
   * the newest. Ends with the registration; an abort makes it throw the signal's reason.
   */
  credentialChanges(options: WaitOptions = {}): AsyncIterableIterator<Credentials> {
    const signal = signalOf(options);
    let forget: (() => void) | undefined;
    const stops = [
      this.#entry.on("credentials", (credentials) => changes.push(credentials)),
      this.#entry.on("state", (state) => {
        if (state === "closed") changes.end();
      }),
    ];
    const changes: Latest<Credentials> = new Latest(() => {
      for (const stop of stops) stop();
      forget?.();
    });
    const abort = () => changes.end({ reason: signal?.reason });
    if (signal?.aborted) abort();
    else forget = signal && onAbort(signal, abort);
    if (this.#entry.ending) changes.end();
    return changes;
  }

  /** Calls back at each change of the state, or of the credentials by another host; returns its undo. What a listener throws is logged. */
  on<E extends keyof RegistrationEvents>(
    event: E,
    listener: (event: RegistrationEvents[E]) => void,
  ): () => void {
    const name: unknown = event;
    if (name !== "state" && name !== "credentials") {
      refuse("event", `must be "state" or "credentials", not ${shown(name)}`);
    }
    if (typeof listener !== "function") refuse("listener", "must be a function");
    return this.#entry.on(event, listener);
  }

  /**
   * Changes the record, and resolves when that is on etcd. What is absent or undefined stays as it
   * is; `""` or `{}` clears. `public`, `user` and `password` cannot be changed like this
   * (`INVALID_ARGUMENT`; there is `rotateCredentials`). Rejects with `TIMEOUT` when etcd did not
   * take it in time: the change stands all the same and is written as soon as etcd can be reached.
   * While its health check keeps the host off etcd there is nothing to write: it resolves at once, and
   * the change is there when the host is.
   */
  update(changes: HostChanges, options: WaitOptions = {}): Promise<void> {
    const signal = signalOf(options);
    const entry = this.#entry;
    const updated = updateHost(entry.wanted, changes);
    if (signal?.aborted) return Promise.reject(signal.reason);
    for (const warning of updated.warnings)
      this.#context.logger.warn(warning, { service: this.service });
    if (entry.ending) return Promise.reject(closed(this.service));
    entry.wanted = updated;
    entry.dirty = true;
    const { hostname, ports, critical, draining } = changes;
    // From now on that is its owner's word.
    if (draining !== undefined) entry.drainOrdered = false;
    if ([hostname, ports, critical].some((change) => change !== undefined)) {
      entry.infoDirty = entry.public;
    }
    this.#keeper.wake();
    return this.#written(signal);
  }

  /**
   * Gives the service new credentials: its info and all its public hosts, here and elsewhere; the
   * last call wins. Of a private host only its own record changes. Rejects with `TIMEOUT` when etcd
   * did not take them in time; they may have been written then. A host that its health check has
   * withdrawn can do so, too; one that was never registered cannot.
   */
  rotateCredentials(credentials: Credentials, options: WaitOptions = {}): Promise<void> {
    const signal = signalOf(options);
    const wanted = credentialsGiven(credentials);
    const entry = this.#entry;
    const { user, password } = wanted;
    assertRecordSize({ ...entry.record, user, password }, () =>
      user.length > password.length ? "user" : "password",
    );
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (entry.ending) return Promise.reject(closed(this.service));
    if (!entry.public) {
      entry.setCredentials(wanted);
      this.#keeper.wake();
      return this.#written(signal);
    }
    let rotation: Rotation | undefined;
    const rotated = new Promise<void>((resolve, reject) => {
      rotation = { entry, credentials: wanted, resolve, reject, over: false };
      this.#keeper.rotate(rotation);
    });
    return this.#inTime(rotated, signal).finally(() => {
      if (rotation !== undefined) rotation.over = true;
    });
  }

  /**
   * Leaves gently: marks the host as draining, so that it gets no new work while others live, waits,
   * and unregisters. Aborting ends the wait: the host stays registered, as draining. One that its
   * health check has withdrawn has nothing to wait for.
   */
  drain(options: DrainOptions = {}): Promise<void> {
    const { signal, delayMs } = optionsBag(options, { signal: true, delayMs: true });
    return this.#drain(
      optionalMilliseconds("delayMs", delayMs, 0) ?? 5_000,
      optionalSignal(signal),
    );
  }

  async #drain(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const entry = this.#entry;
    if (!entry.leaving && entry.session !== undefined) {
      entry.setDraining(true);
      this.#keeper.wake();
      // Nobody sees the mark while etcd is away, but then nobody can wait for it either.
      await this.#written(signal).catch(() => signal?.throwIfAborted());
      await abortable(
        Promise.race([delay(this.#context.store.clock, delayMs, signal), entry.gone]),
        signal,
      );
    }
    await this.unregister();
  }

  /**
   * Ends it: takes the record off etcd, and resolves when it is gone. While etcd cannot be reached
   * it resolves after `timeoutMs` at the latest, and the lease ends the record. Idempotent, never
   * rejects.
   */
  unregister(): Promise<void> {
    return this.#end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end();
  }

  /** Waits until the newest record is on the store. */
  #written(signal: AbortSignal | undefined): Promise<void> {
    let stop = () => {};
    const written = new Promise<void>((resolve, reject) => {
      stop = this.#entry.onWritten({ resolve, reject });
    });
    return this.#inTime(written, signal).finally(() => stop());
  }

  async #inTime(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    const { store, timeoutMs } = this.#context;
    if (await abortable(settledWithin(store.clock, timeoutMs, promise), signal)) return promise;
    const cause = this.lastError;
    throw new DiscoveryError(
      cause?.code ?? "TIMEOUT",
      `etcd has not confirmed the change of "${this.service}" (${this.uuid}) within ${timeoutMs} ms`,
      { cause },
    );
  }
}

function credentialsGiven(credentials: Credentials): Credentials {
  if (typeof credentials !== "object" || credentials === null) {
    refuse(
      "credentials",
      `must be an object with a user and a password, not ${kindOf(credentials)}`,
    );
  }
  assertOptionNames(credentials, { user: true, password: true });
  for (const field of ["user", "password"] as const) {
    const value: unknown = credentials[field];
    if (value !== undefined && typeof value !== "string")
      refuse(field, `must be a string, not ${kindOf(value)}`);
  }
  const wanted = { user: credentials.user ?? "", password: credentials.password ?? "" };
  if (!given(wanted)) {
    refuse("credentials", "give a user, a password, or both: a service must not lose them");
  }
  return { user: wanted.user.toWellFormed(), password: wanted.password.toWellFormed() };
}
