import { setMaxListeners } from "node:events";
import { abortable, delay } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import type {
  CallOptions,
  Listing,
  ReadOptions,
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
import { Batches } from "./batch.ts";
import { Client, type ClientOptions, closedError } from "./client.ts";
import { GrpcError } from "./grpc-error.ts";
import { EtcdSession, grant, newLeaseId, revoke } from "./lease.ts";
import type { OlderRecords } from "./older-records.ts";
import { hostNameOf, Reading } from "./reading.ts";
import { discoveryError } from "./status.ts";
import { ServiceWatch } from "./watch.ts";
import { WatchStream } from "./watch-stream.ts";

/** How long giving back leases may hold up `close()`; what is not given back by then runs out. */
const farewellMs = 1_000;

interface Etcd3StoreOptions extends Omit<ClientOptions, "onReplaced"> {
  readonly prefix: string;

  /** Where services may be that are not found; nowhere unless given. Closed with the store. */
  readonly older?: OlderRecords | undefined;
}

/** The records on etcd v3, spoken to by gRPC. */
export class Etcd3Store implements Store {
  readonly capabilities: StoreCapabilities = {
    atomicWrites: true,
    oneRoundTrip: true,
    reasons: false,
  };
  readonly clock: Clock;
  readonly #client: Client;
  readonly #prefix: string;
  readonly #older: OlderRecords | undefined;
  readonly #reading: Reading;
  readonly #batches: Batches;
  readonly #watchStream: WatchStream;
  readonly #watches = new Set<ServiceWatch>();
  readonly #sessions = new Set<EtcdSession>();

  /** Leases being asked for, and being given back. */
  readonly #leases = new Set<Promise<unknown>>();

  /** Fails the callers that wait for a reading. */
  readonly #waiting = new Set<(error: Error) => void>();
  #closing: Promise<void> | undefined;

  constructor(options: Etcd3StoreOptions) {
    this.clock = options.clock;
    this.#prefix = options.prefix;
    this.#older = options.older;
    this.#client = new Client({ ...options, onReplaced: (error) => this.#replaced(error) });
    this.#reading = new Reading(this.#client, options.prefix);
    this.#batches = new Batches(this.#client, options.prefix);
    this.#watchStream = new WatchStream(this.#client);
  }

  read(service: string, selection: Selection, options: ReadOptions): Promise<Listing> {
    return this.#untilClosed(options, () => this.#reading.read(service, selection, options));
  }

  services(options: ReadOptions & { readonly alive: boolean }): Promise<string[]> {
    return this.#untilClosed(options, () => this.#reading.services(options));
  }

  write(write: Write, options: CallOptions): Promise<WriteResult> {
    if (this.#closing !== undefined) return Promise.reject(closedError());
    shareable(options.signal);
    return this.#batches.write(write, options);
  }

  openSession(options: CallOptions & { readonly ttlSeconds: number }): Promise<Session> {
    return this.#untilClosed(options, () => {
      const opening = this.#open(options);
      this.#track(opening);
      return abortable(opening, options.signal);
    });
  }

  watch(target: WatchTarget, observer: WatchObserver): Watch {
    if (this.#closing !== undefined) return { close() {} };
    const watch = new ServiceWatch(
      this.#client,
      this.#watchStream,
      this.#prefix,
      target,
      observer,
      (ended) => this.#watches.delete(ended),
    );
    this.#watches.add(watch);
    return watch;
  }

  async hint(
    service: string,
    { timeoutMs }: { readonly timeoutMs: number },
  ): Promise<string | undefined> {
    const { endpoint } = this.#client.endpoints.status;
    return endpoint === undefined ? undefined : this.#older?.hint(endpoint, service, timeoutMs);
  }

  status(): StoreStatus {
    const { cluster, endpoints } = this.#client;
    return { ...endpoints.status, revision: cluster.mark.revision };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const error = closedError();
    for (const watch of this.#watches) watch.close();
    this.#watchStream.close();
    this.#batches.close(error);
    for (const reject of this.#waiting) reject(error);
    for (const session of this.#sessions) {
      this.#track(session.close({ timeoutMs: farewellMs }));
    }
    const bound = new AbortController();
    const patience = delay(this.clock, farewellMs, bound.signal).catch(() => {});
    await Promise.race([this.#leasesSettled(), patience, this.#client.endpoints.unreachable()]);
    bound.abort();
    await Promise.all([this.#client.close(), this.#older?.close()]);
  }

  /** Opens a session under a lease id of our own, so that whatever comes of it can be taken back. */
  async #open(options: CallOptions & { readonly ttlSeconds: number }): Promise<Session> {
    const { ttlSeconds, signal, timeoutMs } = options;
    signal?.throwIfAborted();
    const lease = newLeaseId();
    let session: EtcdSession | undefined;
    let mayExist = true;
    try {
      // Without the signal: only etcd's answer tells whether there is a lease to be given back.
      const granted = await grant(this.#client, lease, ttlSeconds, { timeoutMs });
      signal?.throwIfAborted();
      if (this.#closing !== undefined) throw closedError();
      session = new EtcdSession(
        this.#client,
        granted,
        (ended) => this.#sessions.delete(ended),
        (key) => hostNameOf(key, this.#prefix),
      );
      this.#sessions.add(session);
      return session;
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      mayExist = !error.neverSent;
      throw discoveryError(error, "open a session");
    } finally {
      if (session === undefined && mayExist) {
        this.#track(revoke(this.#client, lease, { timeoutMs: farewellMs }));
      }
    }
  }

  /** Nothing that was known of the records holds any more. */
  #replaced(error: Error): void {
    this.#client.logger.warn("the records on etcd were replaced", { error: error.message });
    for (const session of this.#sessions) session.verify();
    for (const watch of [...this.#watches]) watch.ended("replaced", error);
  }

  #track(work: Promise<unknown>): void {
    this.#leases.add(work);
    // Whoever asked for it is told of its failure.
    void work.catch(() => {}).finally(() => this.#leases.delete(work));
  }

  async #leasesSettled(): Promise<void> {
    while (this.#leases.size > 0) await Promise.allSettled(this.#leases);
  }

  /** Starts something for a caller who is told at once when the store is closed meanwhile. */
  #untilClosed<T>({ signal }: CallOptions, start: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) return Promise.reject(closedError());
    shareable(signal);
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      start().then(
        (value) => {
          this.#waiting.delete(reject);
          resolve(value);
        },
        (error) => {
          this.#waiting.delete(reject);
          reject(error);
        },
      );
    });
  }
}

/** One signal may end any number of calls: Node.js is not to warn of as many listeners. */
function shareable(signal: AbortSignal | undefined): void {
  if (signal !== undefined) setMaxListeners(Infinity, signal);
}
