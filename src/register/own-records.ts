import type { DiscoveryError } from "../errors.ts";
import type { Store, Watch, WatchChange, WatchEnd } from "../store/store.ts";

/** From this many hosts of one service on, one watch over all its hosts is cheaper than one for each. */
const manyHosts = 16;

export interface OwnRecordsObserver {
  changed(change: WatchChange): void;

  /** They can be followed. */
  found(): void;

  /** The connection is gone; changes may be late. */
  lost(): void;

  /** A watch is over; what happens from now on is not told until it is followed anew. */
  ended(reason: WatchEnd, error: Error | DiscoveryError): void;
}

/**
 * Watches the records that a process answers for: the info of a service and its own hosts. The
 * other hosts of the service do not concern it, so that a fleet of n processes does not cause n²
 * messages when it starts.
 */
export class OwnRecords {
  readonly #store: Store;
  readonly #service: string;
  readonly #observer: OwnRecordsObserver;
  readonly #watches = new Map<string, Watch>();
  #all: Watch | undefined;
  #info: Watch | undefined;

  /** After a watch that has missed something, the next one had better not. */
  #patient = true;

  constructor(store: Store, service: string, observer: OwnRecordsObserver) {
    this.#store = store;
    this.#service = service;
    this.#observer = observer;
  }

  /**
   * Follows these and no others: the info from the revision after `infoRevision`, each host from
   * the one after its own.
   */
  follow(infoRevision: number, hosts: ReadonlyMap<string, number>): void {
    if (this.#all !== undefined) return;
    if (hosts.size >= manyHosts) {
      this.close();
      const from = Math.min(infoRevision, ...hosts.values()) + 1;
      this.#all = this.#watch("all", from, () => (this.#all = undefined));
      return;
    }
    this.#info ??= this.#watch("info", infoRevision + 1, () => (this.#info = undefined));
    for (const [host, watch] of this.#watches) {
      if (hosts.has(host)) continue;
      watch.close();
      this.#watches.delete(host);
    }
    for (const [host, revision] of hosts) {
      if (this.#watches.has(host)) continue;
      const watch = this.#watch({ host }, revision + 1, () => this.#watches.delete(host));
      this.#watches.set(host, watch);
    }
  }

  close(): void {
    this.#all?.close();
    this.#all = undefined;
    this.#info?.close();
    this.#info = undefined;
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
  }

  #watch(part: "all" | "info" | { host: string }, from: number, forget: () => void): Watch {
    return this.#store.watch(
      { service: this.#service, part, from, patient: this.#patient },
      {
        established: () => this.#observer.found(),
        interrupted: () => this.#observer.lost(),
        changed: (batch) => {
          for (const change of batch.changes) this.#observer.changed(change);
        },
        ended: (reason, error) => {
          forget();
          this.#patient = false;
          this.#observer.ended(reason, error);
        },
      },
    );
  }
}
