import type { Clock } from "../../async/clock.ts";
import type { Freshness } from "../freshness.ts";
import type { Mirror } from "../mirror.ts";
import type { Snapshot } from "./snapshot-file.ts";

/** Where what a pool knows is from: from nowhere yet, from a file, or from etcd by a mirror. */
export class Knowledge {
  readonly #clock: Clock;
  #mirror: Mirror | undefined;
  #disk: { readonly revision: number; readonly hosts: number } | undefined;

  /** Since when nothing has been heard of etcd, as long as there is no mirror. */
  #since: number;
  #failure: Error | undefined;
  #ended = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now();
  }

  /** The mirror has its first reading. */
  listed(mirror: Mirror): void {
    this.#mirror = mirror;
  }

  /** The service could not be read. */
  failed(error: Error): void {
    this.#failure = error;
  }

  /** The file of an earlier process was read. */
  loaded({ hosts, liveAt, revision }: Snapshot): void {
    this.#disk = { revision, hosts: hosts.length };
    this.#since = this.#clock.now() - Math.max(0, Date.now() - liveAt);
  }

  /** Nothing more will be known. */
  end(): void {
    this.#ended = true;
    this.#since = this.#clock.now();
  }

  get mirror(): Mirror | undefined {
    return this.#mirror;
  }

  /** Why nothing newer is known, if that is so. */
  get failure(): Error | undefined {
    return this.#mirror === undefined ? this.#failure : this.#mirror.failure;
  }

  get fromDisk(): boolean {
    return this.#mirror === undefined && this.#disk !== undefined;
  }

  /** Whether anything is known. */
  get any(): boolean {
    return this.#mirror !== undefined || this.#disk !== undefined;
  }

  /** How many hosts the service has, whether they are of the pool or not. */
  get hosts(): number {
    return this.#mirror?.hosts.length ?? this.#disk?.hosts ?? 0;
  }

  get freshness(): Freshness {
    if (this.#mirror !== undefined && !this.#ended) return this.#mirror.freshness;
    return {
      source: this.fromDisk && !this.#ended ? "disk" : "stale",
      revision: this.#mirror?.freshness.revision ?? this.#disk?.revision ?? 0,
      ageMs: this.#clock.now() - this.#since,
    };
  }

  /** The hosts as etcd tells them now; undefined while it does not. */
  get snapshot(): Omit<Snapshot, "liveAt"> | undefined {
    const { source, revision } = this.freshness;
    if (this.#mirror === undefined || source !== "live") return undefined;
    return { revision, hosts: this.#mirror.hosts.slice() };
  }
}
