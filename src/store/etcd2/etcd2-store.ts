import { setMaxListeners } from "node:events";
import { abortable, settledWithin } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import { DiscoveryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type {
  CallOptions,
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
import { etcd2Capabilities } from "./capabilities.ts";
import { Client, type ClientOptions } from "./client.ts";
import { Feeds } from "./feeds.ts";
import { type HeldHost, HeldHosts } from "./held-hosts.ts";
import { errorCodes, isKeysError } from "./keys-api.ts";
import { Reading } from "./reading.ts";
import { RecordChanges } from "./record-change.ts";
import { ServiceWatch } from "./service-watch.ts";
import { type SessionOwner, TtlSession } from "./ttl-session.ts";
import { withDeadline } from "./with-deadline.ts";
import { Writing } from "./writing.ts";

/** How long deleting hosts may hold up `close()`; those that are not deleted by then run out. */
const farewellMs = 1_000;

/** How often a refresh goes after a host that others change meanwhile. */
const refreshTries = 3;

/** The records on etcd v2, spoken to by its keys API over HTTP. */
export class Etcd2Store implements Store, SessionOwner {
  readonly capabilities: StoreCapabilities = etcd2Capabilities;
  readonly clock: Clock;
  readonly random: () => number;
  readonly #logger: Logger;
  readonly #prefix: string;
  readonly #client: Client;
  readonly #held = new HeldHosts();
  readonly #reading: Reading;
  readonly #writing: Writing;
  readonly #feeds: Feeds;
  readonly #sessions = new Set<TtlSession>();
  readonly #watches = new Set<ServiceWatch>();
  readonly #closed = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(options: Omit<ClientOptions, "onReplaced"> & { readonly prefix: string }) {
    const { clock, logger, prefix } = options;
    this.clock = clock;
    this.random = options.random ?? Math.random;
    this.#logger = logger;
    this.#prefix = prefix;
    this.#client = new Client({ ...options, onReplaced: (error) => this.#replaced(error) });
    this.#reading = new Reading(this.#client, clock, prefix, this.#held, logger);
    const records = new RecordChanges(this.#client, clock, prefix, this.#held, this.#reading);
    this.#writing = new Writing(clock, this.#held, this.#reading, records);
    this.#feeds = new Feeds(this.#client, clock, logger);
    // Each call listens to it.
    setMaxListeners(Infinity, this.#closed.signal);
  }

  read(service: string, selection: Selection, options: CallOptions): Promise<Listing> {
    return this.#untilClosed(options, () => this.#reading.read(service, selection, options));
  }

  services(options: CallOptions & { readonly alive: boolean }): Promise<string[]> {
    return this.#untilClosed(options, () => this.#reading.services(options));
  }

  write(write: Write, options: CallOptions): Promise<WriteResult> {
    for (const change of write.changes) {
      const foreign = change.kind === "put-host" && !this.#isOurs(change.session);
      if (!foreign) continue;
      const message = `writing ${write.service}: a session of another store`;
      return Promise.reject(new DiscoveryError("INVALID_ARGUMENT", message));
    }
    return this.#untilClosed(options, () => this.#writing.write(write, options));
  }

  /** Nothing has to be opened on etcd; what is asked is whether it serves. */
  openSession(options: CallOptions & { readonly ttlSeconds: number }): Promise<Session> {
    return this.#untilClosed(options, async () => {
      await this.#client.reach(options);
      options.signal?.throwIfAborted();
      const session = new TtlSession(this, options.ttlSeconds);
      this.#sessions.add(session);
      return session;
    });
  }

  watch(target: WatchTarget, observer: WatchObserver): Watch {
    if (this.#closing !== undefined) return { close() {} };
    const watch = new ServiceWatch(
      this.#feeds,
      this.#prefix,
      target,
      observer,
      this.#logger,
      (ended) => this.#watches.delete(ended),
    );
    this.#watches.add(watch);
    return watch;
  }

  status(): StoreStatus {
    return this.#client.status;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Asks for another full time for a host, and nothing else: no watcher is woken. */
  async refresh(
    session: TtlSession,
    host: HeldHost,
    timeoutMs: number,
  ): Promise<number | undefined> {
    const { key } = host;
    const options = withDeadline(this.clock, { timeoutMs });
    const again = (): Promise<number | undefined> =>
      this.#writing.again(session, key, options.timeoutMs);
    for (let tries = 1; ; tries += 1) {
      let sentAt = this.clock.now();
      const parameters = {
        ttl: String(session.ttlSeconds),
        refresh: "true",
        prevIndex: String(host.modifiedIndex),
      };
      const request = { method: "PUT", key, parameters } as const;
      try {
        const index = await this.#client.put(`refresh "${key}"`, request, {
          timeoutMs: options.timeoutMs,
          repeatable: true,
          urgent: true,
          onAttempt: (startedAt) => (sentAt = startedAt),
        });
        host.modifiedIndex = Math.max(host.modifiedIndex, index);
        return sentAt;
      } catch (error) {
        if (isKeysError(error, errorCodes.notFound)) return again();
        if (isKeysError(error, errorCodes.notAFile)) {
          // A directory is in its place, which whoever watches it learns.
          if (this.#held.get(key) === host) this.#held.release(key);
          return undefined;
        }
        if (!isKeysError(error, errorCodes.compareFailed)) throw error;
        const { node } = await this.#reading.get(key, options);
        if (node === undefined) return again();
        if (this.#held.get(key) !== host) return undefined;
        if (!this.#held.moved(node)) {
          // Somebody else's record, which is left to whoever watches it.
          this.#held.release(key);
          return undefined;
        }
        if (tries === refreshTries) throw error;
      }
    }
  }

  async takeOff(keys: readonly string[], { timeoutMs }: CallOptions): Promise<void> {
    await settledWithin(this.clock, timeoutMs, this.#writing.remove(keys, { timeoutMs }));
  }

  sessionEnded(session: TtlSession): void {
    this.#sessions.delete(session);
    this.#held.releaseAll(session);
  }

  #isOurs(session: Session): boolean {
    return session instanceof TtlSession && (session.ended.aborted || this.#sessions.has(session));
  }

  async #close(): Promise<void> {
    const error = new DiscoveryError("CLOSED", "the store was closed");
    this.#closed.abort(error);
    for (const watch of this.#watches) watch.close();
    const closing = [...this.#sessions].map((session) => session.close({ timeoutMs: farewellMs }));
    await settledWithin(this.clock, farewellMs, Promise.all(closing));
    await this.#client.close();
  }

  /** Nothing that was known of the records holds any more. */
  #replaced(error: Error): void {
    this.#logger.warn("the records on etcd were replaced", { error: error.message });
    const lost = new DiscoveryError("UNAVAILABLE", error.message, { cause: error });
    for (const session of [...this.#sessions]) session.end(lost);
    this.#feeds.end("replaced", lost);
  }

  /** A caller is told at once when the store is closed meanwhile. */
  #untilClosed<T>({ signal }: CallOptions, start: () => Promise<T>): Promise<T> {
    if (this.#closed.signal.aborted) return Promise.reject(this.#closed.signal.reason);
    if (signal?.aborted) return Promise.reject(signal.reason);
    return abortable(abortable(start(), signal), this.#closed.signal);
  }
}
