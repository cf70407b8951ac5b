import { isDiscoveryError } from "../errors.ts";
import { Host, hostRecord } from "../model/host.ts";
import { decodeHost, decodeInfo, type InfoRecord } from "../model/record.ts";
import { Service } from "../model/service.ts";
import type { Listing, StoredRecord, WatchBatch, WatchChange } from "../store/store.ts";
import type { FindContext } from "./find-context.ts";
import type { DownReason, HostEvent } from "./host-event.ts";
import { HostList } from "./host-list.ts";
import { sameRecord } from "./same-record.ts";

/** What one reading or one batch changed. */
export interface Difference {
  readonly events: readonly HostEvent[];
  readonly infoChanged: boolean;
}

/**
 * What is known of one service, and the differences that readings and changes of the store make to
 * it. A record that cannot be read leaves the last good one in place; one that is written again
 * with the same content is no change.
 */
export class KnownService {
  readonly service: string;
  readonly #onMalformed: FindContext["onMalformed"];
  readonly #known = new Map<string, KnownHost>();
  readonly #list = new HostList(() => this.#readable());
  #info: KnownInfo = { revision: 0, present: false };
  #revision = 0;

  /** All that happened to hosts up to here is known, so that a put replayed from before it is not a new host. */
  #settled = 0;

  constructor(service: string, onMalformed: FindContext["onMalformed"]) {
    this.service = service;
    this.#onMalformed = onMalformed;
  }

  /** The newest revision that was read or told. */
  get revision(): number {
    return this.#revision;
  }

  get info(): Service | undefined {
    return this.#info.service;
  }

  /** Whether there is an info of which nothing is known, as it could not be read. */
  get infoUnreadable(): boolean {
    return this.#info.present && this.#info.service === undefined;
  }

  /** In the order in which they became known. The array changes with them: it is to be copied by whoever keeps it. */
  get hosts(): readonly Host[] {
    return this.#list.hosts;
  }

  /** Takes over a reading, whatever was known before: also another store's, with its own revisions. */
  replace(listing: Listing): Difference {
    const events: HostEvent[] = [];
    const missing = new Set(this.#known.keys());
    for (const stored of listing.hosts) {
      missing.delete(stored.id);
      append(events, this.#putHost(stored));
    }
    for (const id of missing) append(events, this.#deleteHost(id, "resync"));
    const { info, revision } = listing;
    const infoChanged = info === undefined ? this.#deleteInfo(revision) : this.#putInfo(info);
    this.#settled = revision;
    this.#revision = revision;
    return { events, infoChanged };
  }

  /**
   * The records of which a reading knows better, each with the revision known here (0: none): it has
   * something newer, or, after another history took the place of this one, something older. The info goes by an empty id, which no host has. A host that is written anew with the
   * same content is nothing new: on etcd v2 its refreshes move its revision, and nobody tells of them.
   */
  behind(listing: Listing): Map<string, number> {
    const behind = new Map<string, number>();
    const missing = new Set(this.#known.keys());
    const isOther = ({ revision }: { readonly revision: number }, there: number): boolean =>
      revision !== there && revision <= listing.revision;
    for (const stored of listing.hosts) {
      const { id } = stored;
      missing.delete(id);
      const known = this.#known.get(id);
      if (known === undefined) behind.set(id, 0);
      else if (isOther(known, stored.revision) && !this.#saysTheSame(stored, known.host)) {
        behind.set(id, known.revision);
      }
    }
    for (const id of missing) {
      const known = this.#known.get(id)?.revision ?? 0;
      if (known <= listing.revision) behind.set(id, known);
    }
    const info = this.#info;
    const there = listing.info?.revision ?? (info.present ? listing.revision : info.revision);
    if (isOther(info, there)) behind.set("", info.revision);
    return behind;
  }

  /** Takes over what happened at one revision. What is known already is left out. */
  apply({ revision, changes }: WatchBatch): Difference {
    const events: HostEvent[] = [];
    let infoChanged = false;
    let settled = this.#settled;
    for (const change of changes) {
      if (change.record.kind === "info") {
        if (this.#changeInfo(change)) infoChanged = true;
      } else {
        append(events, this.#changeHost(change.record.id, change));
        settled = Math.max(settled, revision - 1);
      }
    }
    this.#settled = settled;
    this.#revision = Math.max(this.#revision, revision);
    return { events, infoChanged };
  }

  *#readable(): Generator<Host> {
    for (const { host } of this.#known.values()) if (host !== undefined) yield host;
  }

  #changeHost(id: string, change: WatchChange): HostEvent | undefined {
    if (revisionOf(change) <= (this.#known.get(id)?.revision ?? this.#settled)) return undefined;
    if (change.kind === "delete") return this.#deleteHost(id, change.reason ?? "expired");
    const host = this.#known.get(id)?.host;
    if (change.unchanged !== true || host === undefined) return this.#putHost(change.stored);
    this.#known.set(id, { revision: change.stored.revision, host });
    return undefined;
  }

  #putHost(stored: StoredRecord): HostEvent | undefined {
    const { id, revision } = stored;
    const record = this.#decode("host", stored, () => decodeHost(stored.value, this.service, id));
    const previous = this.#known.get(id)?.host;
    if (record === undefined || (previous && sameRecord(record, hostRecord(previous)))) {
      this.#known.set(id, { revision, host: previous });
      return undefined;
    }
    const host = new Host(record);
    // One that could not be read until now comes last.
    if (previous === undefined) this.#known.delete(id);
    this.#known.set(id, { revision, host });
    this.#list.changed(previous, host);
    return previous === undefined ? { type: "up", host } : { type: "update", host, previous };
  }

  #saysTheSame(stored: StoredRecord, known: Host | undefined): boolean {
    try {
      const record = decodeHost(stored.value, this.service, stored.id);
      return known !== undefined && sameRecord(record, hostRecord(known));
    } catch {
      // One that cannot be read changes nothing either.
      return true;
    }
  }

  #deleteHost(id: string, reason: DownReason): HostEvent | undefined {
    const host = this.#known.get(id)?.host;
    this.#known.delete(id);
    if (host === undefined) return undefined;
    this.#list.changed(host, undefined);
    return { type: "down", host, reason: hostRecord(host).draining ? "unregistered" : reason };
  }

  #changeInfo(change: WatchChange): boolean {
    const revision = revisionOf(change);
    if (revision <= this.#info.revision) return false;
    return change.kind === "put" ? this.#putInfo(change.stored) : this.#deleteInfo(revision);
  }

  #putInfo(stored: StoredRecord): boolean {
    const { revision } = stored;
    const known = this.#info;
    const record = this.#decode("info", stored, () => decodeInfo(stored.value, this.service));
    if (record === undefined || (known.record && sameRecord(record, known.record))) {
      this.#info = { ...known, revision, present: true };
      return false;
    }
    this.#info = { revision, present: true, record, service: new Service(record) };
    return true;
  }

  #deleteInfo(revision: number): boolean {
    const changed = this.#info.service !== undefined;
    this.#info = { revision, present: false };
    return changed;
  }

  #decode<R>(kind: "host" | "info", { id }: StoredRecord, decode: () => R): R | undefined {
    try {
      return decode();
    } catch (error) {
      if (!isDiscoveryError(error)) throw error;
      this.#onMalformed({ service: this.service, kind, id, error });
      return undefined;
    }
  }
}

interface KnownHost {
  readonly revision: number;

  /** Undefined while no record of it could be read. */
  readonly host: Host | undefined;
}

interface KnownInfo {
  /** Of the last write or delete. */
  readonly revision: number;

  /** Whether the store has one, readable or not. */
  readonly present: boolean;

  /** The last one that could be read. */
  readonly record?: InfoRecord;
  readonly service?: Service;
}

function append<T>(list: T[], item: T | undefined): void {
  if (item !== undefined) list.push(item);
}

function revisionOf(change: WatchChange): number {
  return change.kind === "put" ? change.stored.revision : change.revision;
}
