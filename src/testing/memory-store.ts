import { type Clock, systemClock } from "../async/clock.ts";
import { type Logger, silentLogger } from "../logger.ts";
import { MemoryClient } from "../store/memory/client.ts";
import { MemoryServer } from "../store/memory/server.ts";
import type { RecordName, Store } from "../store/store.ts";

export interface MemoryStoreOptions {
  /** The time that sessions and deadlines go by; the system's by default. See `manualClock()`. */
  readonly clock?: Clock | undefined;

  /** Told of observers that throw; silent by default. */
  readonly logger?: Logger | undefined;
}

/** A client of a memory store, as a process of its own would be. */
export interface MemoryStoreClient extends Store {
  /**
   * What SIGKILL does to the client's process: its watches fall silent, its calls fail with
   * `UNAVAILABLE`, and its sessions are kept no longer, so that its host records go when their
   * time has passed by the clock.
   */
  kill(): void;
}

/**
 * A store in this process, for tests that need no etcd. It keeps to the contract of `Store` as
 * etcd does, down to revisions, history and compaction.
 *
 * It may be given to any number of `Discovery`s; closing one of these ends what it had under way
 * and leaves the store as it is. Whatever else can befall an etcd can be brought about with the
 * methods below. They act at once; watches are told a microtask later.
 */
export interface MemoryStore extends MemoryStoreClient {
  /** Another client of the same records, with a life of its own. */
  connect(): MemoryStoreClient;

  /**
   * Takes the store away from all of its clients (`true`), or brings it back (`false`). While it
   * is away calls fail at once with `UNAVAILABLE`, or, when it is `"silent"`, get no answer: they
   * fail with `TIMEOUT` when their time is up, and are carried out if the store comes back before.
   * Watches are interrupted. A session ends when it goes without an answer for its whole time;
   * the records of such a one go that time after the store is back, as on etcd.
   */
  outage(outage: boolean | "silent"): void;

  /** Forgets the past: a watch that asks for what was before now ends with `compacted`. */
  compact(): void;

  /** Another, empty store in its place: revisions start again, sessions and watches (`replaced`) end. */
  wipe(): void;

  /** Ends all sessions of all clients, as an operator can who revokes leases; their records go. */
  revokeSessions(): void;

  /** How many sessions the store knows, also those that nobody keeps any longer. */
  readonly sessions: number;

  /** Writes a record by hand, without a session: it stays until it is deleted. A string becomes UTF-8. */
  put(service: string, record: RecordName, value: string | Uint8Array): void;

  /** Deletes a record by hand; does nothing if there is none. */
  delete(service: string, record: RecordName): void;
}

/** Makes an empty {@link MemoryStore}. */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const { clock = systemClock, logger = silentLogger } = options;
  return new ControlledStore(new MemoryServer(clock), logger);
}

class ControlledStore extends MemoryClient implements MemoryStore {
  readonly #server: MemoryServer;
  readonly #logger: Logger;

  constructor(server: MemoryServer, logger: Logger) {
    super(server, logger);
    this.#server = server;
    this.#logger = logger;
  }

  get sessions(): number {
    return this.#server.leases.size;
  }

  connect(): MemoryStoreClient {
    return new MemoryClient(this.#server, this.#logger);
  }

  outage(outage: boolean | "silent"): void {
    const whenAway = outage === "silent" ? "silent" : "refusing";
    this.#server.setServing(outage === false ? "serving" : whenAway);
  }

  compact(): void {
    this.#server.compact();
  }

  wipe(): void {
    this.#server.wipe();
  }

  revokeSessions(): void {
    this.#server.revoke(this.#server.leases);
  }

  put(service: string, record: RecordName, value: string | Uint8Array): void {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    this.#server.write(service, [], [{ kind: "put", record, value: bytes }]);
  }

  delete(service: string, record: RecordName): void {
    this.#server.write(service, [], [{ kind: "delete", record }]);
  }
}
