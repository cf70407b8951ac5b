import { systemClock } from "../../async/clock.ts";
import { DiscoveryError } from "../../errors.ts";
import type { HostUse } from "../../find/live/host-use.ts";
import type { LivePool } from "../../find/live/live-pool.ts";
import { outcomeOfError } from "../../find/live/outcome.ts";
import type { Host } from "../../model/host.ts";
import { HostConnections, originOf } from "./host-connections.ts";
import type { ServiceClientSettings } from "./options.ts";
import { RetryBudget } from "./retry-budget.ts";

/** What is asked of a client that was closed. */
export function closedError(): DiscoveryError {
  return new DiscoveryError("CLOSED", "the service client was closed");
}

/** A host that was picked for a request, and the connections to it. */
export interface Picked {
  readonly use: HostUse;
  readonly connections: HostConnections;
}

interface Entry {
  host: Host;
  readonly connections: HostConnections;
}

/** The hosts of one service, picked by its live pool, and the connections to them. */
export class ServiceHosts {
  readonly pool: LivePool;
  readonly budget: RetryBudget = new RetryBudget(systemClock);
  readonly #settings: ServiceClientSettings;

  /** By scheme, and by the host's uuid. */
  readonly #entries = new Map<string, Map<string, Entry>>();
  readonly #leaving = new Set<HostConnections>();
  readonly #forget: readonly (() => void)[];
  #closed = false;

  /** @param ended called when the pool has ended */
  constructor(pool: LivePool, settings: ServiceClientSettings, ended: () => void) {
    this.pool = pool;
    this.#settings = settings;
    const sweep = (): void => this.#sweep();
    this.#forget = [pool.on("hosts", sweep), pool.on("pickable", sweep), pool.on("closed", ended)];
  }

  /**
   * Picks a host that was not tried, and begins to use it. One that may be dead is passed over as long
   * as there are others, and is looked at meanwhile. Throws as `LivePool.pick` does, and what
   * `Host.address` throws if no host can be reached by this scheme.
   */
  begin(scheme: string, key: string | undefined, tried: readonly Host[]): Picked {
    let passed = tried;
    let useless = tried;
    let doubtful = false;
    let problem: unknown;
    for (;;) {
      let use: HostUse;
      try {
        use = this.#use(key, passed);
      } catch (error) {
        if (!doubtful) throw problem ?? error;
        // All are in doubt: one of them has to do.
        use = this.#use(key, useless);
        return { use, connections: this.#to(use.host, scheme) };
      }
      try {
        const connections = this.#to(use.host, scheme);
        if (!connections.doubtful) return { use, connections };
        connections.verify(use);
        doubtful = true;
      } catch (error) {
        problem = error;
        use.end(outcomeOfError(error));
        useless = [...useless, use.host];
      }
      passed = [...passed, use.host];
    }
  }

  /** Whether there is a host that was not tried, and that can be reached by this scheme. */
  hasOther(scheme: string, tried: readonly Host[]): boolean {
    const { pickable } = this.pool;
    let passed = tried;
    for (let count = pickable.length; count >= 0; count -= 1) {
      let host: Host;
      try {
        host = this.pool.pick({ exclude: passed });
      } catch {
        return false;
      }
      try {
        originOf(host, scheme, this.#settings.private);
        return true;
      } catch {
        passed = [...passed, host];
      }
    }
    return false;
  }

  /** Lets go of everything, when the requests that were begun have ended. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const forget of this.#forget) forget();
    for (const entries of this.#entries.values()) {
      for (const uuid of [...entries.keys()]) this.#retire(entries, uuid);
    }
    await Promise.all(Array.from(this.#leaving, (each) => each.close()));
  }

  /** Breaks everything off. Never rejects. */
  async destroy(reason: Error): Promise<void> {
    const closed = this.close();
    await Promise.all(Array.from(this.#leaving, (each) => each.destroy(reason)));
    await closed;
  }

  #use(key: string | undefined, exclude: readonly Host[]): HostUse {
    if (this.#closed) throw closedError();
    if (exclude.length > 0) return this.pool.begin({ key, exclude });
    return this.pool.begin(key === undefined ? undefined : { key });
  }

  #to(host: Host, scheme: string): HostConnections {
    const entries = this.#entries.get(scheme) ?? new Map<string, Entry>();
    const entry = entries.get(host.uuid);
    if (entry?.host === host) return entry.connections;
    const origin = originOf(host, scheme, this.#settings.private);
    if (entry?.connections.origin === origin) {
      entry.host = host;
      return entry.connections;
    }
    // It listens elsewhere now.
    this.#retire(entries, host.uuid);
    const connections = new HostConnections(origin, this.#settings);
    entries.set(host.uuid, { host, connections });
    this.#entries.set(scheme, entries);
    return connections;
  }

  /** Lets go of hosts that are gone. */
  #sweep(): void {
    if (this.#entries.size === 0) return;
    const { hosts, suspects } = this.pool;
    const known = new Set([...hosts, ...suspects].map(({ uuid }) => uuid));
    for (const entries of this.#entries.values()) {
      for (const uuid of [...entries.keys()]) if (!known.has(uuid)) this.#retire(entries, uuid);
    }
  }

  #retire(entries: Map<string, Entry>, uuid: string): void {
    const connections = entries.get(uuid)?.connections;
    if (connections === undefined) return;
    entries.delete(uuid);
    this.#leaving.add(connections);
    void connections.close().then(() => this.#leaving.delete(connections));
  }
}
