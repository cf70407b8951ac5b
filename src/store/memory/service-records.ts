import type {
  Condition,
  Listing,
  RecordName,
  Selection,
  StoredRecord,
  WatchBatch,
} from "../store.ts";
import { compareBytes } from "./byte-order.ts";
import type { Lease } from "./lease.ts";

/** How many of a service's past batches are kept at least, for watches that start in the past. */
const historyLength = 10_000;

/** What a memory store holds of one service: its records, and what happened to them. */
export class ServiceRecords {
  readonly name: string;
  readonly hosts: Map<
    string,
    { readonly stored: StoredRecord; readonly lease?: Lease | undefined }
  > = new Map();
  info: StoredRecord | undefined;
  #history: WatchBatch[] = [];

  /** The first revision from which on the history is complete. */
  historyFrom = 0;

  constructor(name: string) {
    this.name = name;
  }

  find(record: RecordName): StoredRecord | undefined {
    return record.kind === "info" ? this.info : this.hosts.get(record.id)?.stored;
  }

  meets(condition: Condition): boolean {
    const stored = this.find(condition.record);
    if ("revision" in condition) return (stored?.revision ?? 0) === condition.revision;
    return stored !== undefined && Buffer.compare(stored.value, condition.value) === 0;
  }

  list(selection: Selection, revision: number): Listing {
    const ids = selection.hosts === "all" ? this.hosts.keys() : new Set(selection.hosts);
    const hosts: StoredRecord[] = [];
    for (const id of ids) {
      const host = this.hosts.get(id);
      if (host !== undefined) hosts.push(host.stored);
    }
    hosts.sort((left, right) => compareBytes(left.id, right.id));
    return { revision, info: selection.info ? this.info : undefined, hosts };
  }

  remember(batch: WatchBatch): void {
    this.#history.push(batch);
    if (this.#history.length < 2 * historyLength) return;
    const dropped = this.#history.splice(0, historyLength);
    this.historyFrom = (dropped.at(-1)?.revision ?? 0) + 1;
  }

  /** The first batch of that revision or a later one. */
  next(revision: number): WatchBatch | undefined {
    let low = 0;
    let high = this.#history.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#history[middle]?.revision ?? Infinity) < revision) low = middle + 1;
      else high = middle;
    }
    return this.#history[low];
  }
}
