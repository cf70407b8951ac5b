import type { Clock } from "../../async/clock.ts";
import type {
  Condition,
  Listing,
  RecordName,
  Selection,
  StoredRecord,
  WatchBatch,
  WatchChange,
  WriteResult,
} from "../store.ts";
import { compareBytes } from "./byte-order.ts";
import { Lease } from "./lease.ts";
import { ServiceRecords } from "./service-records.ts";

/** A change as the server carries it out: a lease in the place of the client's session. */
export type ServerChange =
  | {
      readonly kind: "put";
      readonly record: RecordName;
      readonly value: Uint8Array;
      readonly lease?: Lease | undefined;
    }
  | { readonly kind: "replace-host"; readonly id: string; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly record: RecordName };

/** A client, as far as the server calls it. */
export interface ServerClient {
  /** Something happened to this service's records. */
  changed(service: string): void;

  /** The server went away, came back, or lost leases or data. */
  serverChanged(): void;
}

/** How the server answers: as it should, by refusing every call at once, or never. */
export type Serving = "serving" | "refusing" | "silent";

/**
 * The records of a memory store, in the place of an etcd cluster. All methods act at once; what
 * lies between a client and its server is the client's concern.
 */
export class MemoryServer {
  readonly clock: Clock;
  readonly clients: Set<ServerClient> = new Set();
  readonly leases: Set<Lease> = new Set();
  #services = new Map<string, ServiceRecords>();
  #revision = 1;
  #compacted = 0;
  #serving: Serving = "serving";
  #servingAgain: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  /** Another object after each {@link wipe}: what a cluster id tells of etcd. */
  identity: object = {};

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get revision(): number {
    return this.#revision;
  }

  get serving(): Serving {
    return this.#serving;
  }

  /** Resolves when the server does not keep silent any longer. */
  notSilent(): Promise<void> {
    if (this.#serving !== "silent") return Promise.resolve();
    if (this.#servingAgain === undefined) {
      let resolve = (): void => {};
      const promise = new Promise<void>((settle) => (resolve = settle));
      this.#servingAgain = { promise, resolve };
    }
    return this.#servingAgain.promise;
  }

  setServing(serving: Serving): void {
    this.#serving = serving;
    if (serving !== "silent") {
      this.#servingAgain?.resolve();
      this.#servingAgain = undefined;
    }
    // As in etcd, a lease has its full time again when the cluster is back.
    for (const lease of this.leases) {
      lease.stopExpiry();
      if (!lease.kept && serving === "serving") lease.startExpiry();
    }
    this.#tellClients();
  }

  read(service: string, selection: Selection): Listing {
    return (this.#services.get(service) ?? new ServiceRecords(service)).list(
      selection,
      this.#revision,
    );
  }

  services(alive: boolean): string[] {
    const names: string[] = [];
    for (const [name, service] of this.#services) {
      if (service.hosts.size > 0 || (!alive && service.info !== undefined)) names.push(name);
    }
    return names.sort(compareBytes);
  }

  write(
    name: string,
    conditions: readonly Condition[],
    changes: readonly ServerChange[],
  ): WriteResult {
    const service = this.#service(name);
    if (!conditions.every((condition) => service.meets(condition))) {
      const named = conditions.map((condition) => condition.record);
      const hosts = named.flatMap((record) => (record.kind === "host" ? [record.id] : []));
      const info = named.some((record) => record.kind === "info");
      return { applied: false, current: service.list({ info, hosts }, this.#revision) };
    }
    const revision = this.#revision + 1;
    const told: WatchChange[] = [];
    for (const change of changes) {
      const done = this.#apply(service, change, revision);
      if (done !== undefined) told.push(done);
    }
    if (told.length > 0) this.#commit(new Map([[service, told]]));
    return { applied: true, revision: this.#revision };
  }

  grant(ttlMs: number): Lease {
    const lease = new Lease(this.clock, ttlMs, (expired) => this.revoke([expired]));
    this.leases.add(lease);
    return lease;
  }

  /** Nobody keeps the lease any more: it runs out by itself. */
  abandon(lease: Lease): void {
    lease.kept = false;
    if (this.#serving === "serving" && this.leases.has(lease)) lease.startExpiry();
  }

  /** Ends the leases and deletes their records, all at one revision. */
  revoke(leases: Iterable<Lease>): void {
    const revision = this.#revision + 1;
    const told = new Map<ServiceRecords, WatchChange[]>();
    for (const lease of [...leases]) {
      if (!this.leases.delete(lease)) continue;
      lease.stopExpiry();
      for (const [service, ids] of lease.hosts) {
        const changes = told.get(service) ?? [];
        told.set(service, changes);
        for (const id of ids) {
          service.hosts.delete(id);
          changes.push({ kind: "delete", record: { kind: "host", id }, revision });
        }
      }
      lease.hosts.clear();
    }
    if (told.size > 0) this.#commit(told);
    this.#tellClients();
  }

  /** The first batch of a service's history at or after a revision. */
  next(service: string, revision: number): WatchBatch | undefined {
    return this.#services.get(service)?.next(revision);
  }

  /** Whether a watch that is opened now misses nothing from `revision` on. */
  remembers(service: string, revision: number): boolean {
    return revision >= this.#compacted && this.keeps(service, revision);
  }

  /** Whether a watch that is open misses nothing from `revision` on. */
  keeps(service: string, revision: number): boolean {
    return revision >= (this.#services.get(service)?.historyFrom ?? 0);
  }

  compact(): void {
    this.#compacted = this.#revision;
  }

  wipe(): void {
    for (const lease of this.leases) lease.stopExpiry();
    this.leases.clear();
    this.#services = new Map();
    this.#revision = 1;
    this.#compacted = 0;
    this.identity = {};
    this.#tellClients();
  }

  #service(name: string): ServiceRecords {
    let service = this.#services.get(name);
    if (service === undefined) {
      service = new ServiceRecords(name);
      this.#services.set(name, service);
    }
    return service;
  }

  #apply(service: ServiceRecords, change: ServerChange, revision: number): WatchChange | undefined {
    if (change.kind === "replace-host") {
      const lease = service.hosts.get(change.id)?.lease;
      if (!service.hosts.has(change.id)) return undefined;
      return this.#put(service, { kind: "host", id: change.id }, change.value, lease, revision);
    }
    if (change.kind === "put") {
      return this.#put(service, change.record, change.value, change.lease, revision);
    }
    const { record } = change;
    if (service.find(record) === undefined) return undefined;
    if (record.kind === "info") service.info = undefined;
    else {
      service.hosts.get(record.id)?.lease?.detach(service, record.id);
      service.hosts.delete(record.id);
    }
    return { kind: "delete", record, revision };
  }

  #put(
    service: ServiceRecords,
    record: RecordName,
    value: Uint8Array,
    lease: Lease | undefined,
    revision: number,
  ): WatchChange {
    const id = record.kind === "info" ? service.name : record.id;
    const stored: StoredRecord = { id, value: new Uint8Array(value), revision };
    if (record.kind === "info") service.info = stored;
    else {
      service.hosts.get(id)?.lease?.detach(service, id);
      service.hosts.set(id, { stored, lease });
      lease?.attach(service, id);
    }
    return { kind: "put", record, stored };
  }

  #commit(told: ReadonlyMap<ServiceRecords, readonly WatchChange[]>): void {
    this.#revision += 1;
    for (const [service, changes] of told) {
      service.remember({ revision: this.#revision, changes });
      for (const client of this.clients) client.changed(service.name);
    }
  }

  #tellClients(): void {
    for (const client of this.clients) client.serverChanged();
  }
}
