import type { Host } from "../model/host.ts";
import type { HostEvent } from "../find/host-event.ts";
import { changedFields } from "./changed-fields.ts";
import { hostKeyOf, hostName } from "./wire-host.ts";
import type { WireLogEntry } from "./wire.ts";

const mostEntries = 500;

/** The newest ups, updates and downs. */
export class EventLog {
  #entries: WireLogEntry[] = [];
  #next = 1;

  /** The number of the entry that comes next. */
  get next(): number {
    return this.#next;
  }

  add(event: HostEvent, at: number): void {
    this.#entries.push({
      n: this.#next,
      at,
      type: event.type,
      ...subjectOf(event.host),
      ...(event.reason === undefined ? {} : { reason: event.reason }),
      ...(event.previous === undefined
        ? {}
        : { changed: changedFields(event.previous, event.host) }),
    });
    this.#next += 1;
    // Not each time, which would copy all of them for each of thousands.
    if (this.#entries.length >= 2 * mostEntries) this.#entries = this.#entries.slice(-mostEntries);
  }

  /** The entries from this number on, but no more than the newest 500. */
  from(number: number): readonly WireLogEntry[] {
    const count = Math.min(this.#next - number, mostEntries);
    return count <= 0 ? [] : this.#entries.slice(-count);
  }
}

function subjectOf(host: Host): Pick<WireLogEntry, "key" | "service" | "name" | "shard"> {
  const { serviceName, shard } = host;
  return {
    key: hostKeyOf(host),
    service: serviceName,
    name: hostName(host),
    ...(shard === "" ? {} : { shard: shard.slice(0, 100).toWellFormed() }),
  };
}
