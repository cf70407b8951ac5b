import type { CancelTimer, Clock } from "../../async/clock.ts";
import type { ServiceRecords } from "./service-records.ts";

/** The memory store's side of a session: the records that live by it, and when it runs out. */
export class Lease {
  readonly ttlMs: number;
  /** Whether a client still keeps it alive. */
  kept = true;

  readonly hosts: Map<ServiceRecords, Set<string>> = new Map();
  readonly #clock: Clock;
  readonly #expire: (lease: Lease) => void;
  #cancelExpiry: CancelTimer | undefined;

  constructor(clock: Clock, ttlMs: number, expire: (lease: Lease) => void) {
    this.#clock = clock;
    this.ttlMs = ttlMs;
    this.#expire = expire;
  }

  /** It runs out when its time has passed. */
  startExpiry(): void {
    this.#cancelExpiry ??= this.#clock.setTimeout(() => this.#expire(this), this.ttlMs);
  }

  /** Its time stands still, or it is gone. */
  stopExpiry(): void {
    this.#cancelExpiry?.();
    this.#cancelExpiry = undefined;
  }

  attach(service: ServiceRecords, id: string): void {
    const ids = this.hosts.get(service);
    if (ids === undefined) this.hosts.set(service, new Set([id]));
    else ids.add(id);
  }

  detach(service: ServiceRecords, id: string): void {
    const ids = this.hosts.get(service);
    if (ids?.delete(id) && ids.size === 0) this.hosts.delete(service);
  }
}
