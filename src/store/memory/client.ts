import { abortable, delay, underEither } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import { DiscoveryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type {
  CallOptions,
  Change,
  Listing,
  Selection,
  Session,
  Store,
  StoreCapabilities,
  StoreStatus,
  Watch,
  WatchObserver,
  WatchTarget,
  Write,
  WriteResult,
} from "../store.ts";
import type { Lease } from "./lease.ts";
import type { MemoryServer, ServerChange, ServerClient } from "./server.ts";
import { MemorySession, type SessionOwner } from "./session.ts";
import { MemoryWatch } from "./watch.ts";

const maximumChanges = 60;

/** One client of a {@link MemoryServer}: a store that keeps its records in this process. */
export class MemoryClient implements Store, ServerClient, SessionOwner {
  readonly capabilities: StoreCapabilities = {
    atomicWrites: true,
    oneRoundTrip: true,
    reasons: false,
  };
  readonly #server: MemoryServer;
  readonly #logger: Logger;
  readonly #closed = new AbortController();
  readonly #sessions = new Set<MemorySession>();
  readonly #watches = new Set<MemoryWatch>();
  #killed = false;

  /** Of the server that has answered last, so that a watch knows when another one has come since. */
  #answeredBy: object | undefined;
  #lastAnswer: Pick<StoreStatus, "answeredAt" | "revision"> = {
    answeredAt: undefined,
    revision: 0,
  };

  constructor(server: MemoryServer, logger: Logger) {
    this.#server = server;
    this.#logger = logger;
    server.clients.add(this);
  }

  get clock(): Clock {
    return this.#server.clock;
  }

  read(service: string, selection: Selection, options: CallOptions): Promise<Listing> {
    return this.#call(`reading ${service}`, options, () => this.#server.read(service, selection));
  }

  services(options: CallOptions & { readonly alive: boolean }): Promise<string[]> {
    return this.#call("listing services", options, () => this.#server.services(options.alive));
  }

  write(write: Write, options: CallOptions): Promise<WriteResult> {
    const { service, conditions, changes } = write;
    return this.#call(`writing ${service}`, options, () => {
      if (changes.length > maximumChanges) {
        const message = `writing ${service}: ${changes.length} changes, at most ${maximumChanges} go in one write`;
        throw new DiscoveryError("INVALID_ARGUMENT", message);
      }
      const carriedOut = changes.map((change) => this.#serverChange(service, change));
      return this.#server.write(service, conditions, carriedOut);
    });
  }

  openSession(options: CallOptions & { readonly ttlSeconds: number }): Promise<Session> {
    return this.#call("opening a session", options, () => {
      const { ttlSeconds } = options;
      const session = new MemorySession(this, this.#server.grant(ttlSeconds * 1_000), ttlSeconds);
      this.#sessions.add(session);
      return session;
    });
  }

  watch(target: WatchTarget, observer: WatchObserver): Watch {
    const watch = new MemoryWatch(
      this.#server,
      this.#answeredBy ?? this.#server.identity,
      target,
      observer,
      this.#logger,
      (closed) => this.#watches.delete(closed),
    );
    if (this.#killed || this.#closed.signal.aborted) watch.close();
    else this.#watches.add(watch);
    return watch;
  }

  /** Once it has answered, a store that serves is in contact all the time. */
  status(): StoreStatus {
    const away = this.#server.serving !== "serving" || this.#killed;
    const inContact = !away && !this.#closed.signal.aborted && this.#answeredBy !== undefined;
    if (inContact) this.#answered();
    return {
      endpoint: inContact ? "memory" : undefined,
      failure: away ? new DiscoveryError("UNAVAILABLE", "the memory store is away") : undefined,
      ...this.#lastAnswer,
    };
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    const closed = new DiscoveryError("CLOSED", "the memory store was closed");
    this.#closed.abort(closed);
    this.#server.clients.delete(this);
    for (const watch of this.#watches) watch.close();
    const leases = [...this.#sessions].map((session) => session.lease);
    for (const session of this.#sessions) session.end(closed);
    if (!this.#killed && this.#server.serving === "serving") this.#server.revoke(leases);
  }

  /** What SIGKILL does to a client's process: see `MemoryStoreClient`. */
  kill(): void {
    this.#killed = true;
    for (const watch of this.#watches) watch.close();
    for (const session of this.#sessions) {
      session.contactLost();
      this.#server.abandon(session.lease);
    }
  }

  changed(service: string): void {
    for (const watch of this.#watches) {
      if (watch.target.service === service) watch.wake();
    }
  }

  serverChanged(): void {
    for (const watch of this.#watches) watch.wake();
    for (const session of this.#sessions) {
      if (this.#killed || this.#server.serving !== "serving") session.contactLost();
      else if (this.#server.leases.has(session.lease)) session.contactMade();
      else session.end(new DiscoveryError("UNAVAILABLE", "the store does not know the session"));
    }
  }

  sessionEnded(session: MemorySession): void {
    this.#sessions.delete(session);
    this.#server.abandon(session.lease);
  }

  async revoke(lease: Lease, options: CallOptions): Promise<void> {
    const revoking = this.#call("closing a session", options, () => this.#server.revoke([lease]));
    await revoking.catch(() => {});
  }

  #serverChange(service: string, change: Change): ServerChange {
    switch (change.kind) {
      case "put-info":
        return { kind: "put", record: { kind: "info" }, value: change.value };
      case "put-host": {
        const lease = this.#leaseOf(service, change.session);
        return { kind: "put", record: { kind: "host", id: change.id }, value: change.value, lease };
      }
      case "replace-host":
        return change;
      case "delete-host":
        return { kind: "delete", record: { kind: "host", id: change.id } };
    }
  }

  #leaseOf(service: string, session: Session): Lease {
    if (session.ended.aborted) {
      const { reason } = session.ended as { readonly reason: DiscoveryError };
      const message = `writing ${service}: its session has ended`;
      throw new DiscoveryError(reason.code, message, { cause: reason });
    }
    if (!(session instanceof MemorySession) || !this.#sessions.has(session)) {
      throw new DiscoveryError(
        "INVALID_ARGUMENT",
        `writing ${service}: a session of another store`,
      );
    }
    return session.lease;
  }

  /** Runs one call on the server: a microtask later, in the order of the calls, and all at once. */
  async #call<T>(attempt: string, options: CallOptions, run: () => T): Promise<T> {
    this.#throwIfEnded(attempt, options.signal);
    await Promise.resolve();
    this.#throwIfEnded(attempt, options.signal);
    if (this.#server.serving === "silent") {
      await this.#awaitAnswer(attempt, options);
      this.#throwIfEnded(attempt, options.signal);
    }
    if (this.#server.serving === "refusing") {
      throw new DiscoveryError("UNAVAILABLE", `${attempt}: the memory store is away`);
    }
    this.#answeredBy = this.#server.identity;
    try {
      return run();
    } finally {
      this.#answered();
    }
  }

  #answered(): void {
    const { clock, revision } = this.#server;
    this.#lastAnswer = { answeredAt: clock.now(), revision };
  }

  #throwIfEnded(attempt: string, signal: AbortSignal | undefined): void {
    if (this.#closed.signal.aborted) {
      throw new DiscoveryError("CLOSED", `${attempt}: the memory store was closed`);
    }
    signal?.throwIfAborted();
    if (this.#killed) throw new DiscoveryError("UNAVAILABLE", `${attempt}: the client was killed`);
  }

  async #awaitAnswer(attempt: string, options: CallOptions): Promise<void> {
    const answered = new AbortController();
    await underEither([answered.signal, this.#closed.signal, options.signal], async (signal) => {
      const deadline = delay(this.clock, options.timeoutMs, signal).then(() => {
        const message = `${attempt}: no answer in ${options.timeoutMs} ms`;
        throw new DiscoveryError("TIMEOUT", message);
      });
      try {
        await abortable(Promise.race([this.#server.notSilent(), deadline]), signal);
      } finally {
        answered.abort();
      }
    });
  }
}
