import type { CancelTimer } from "../../async/clock.ts";
import { hostKey, hostsPrefix, infoKey } from "../../model/keys.ts";
import type {
  RecordName,
  Watch,
  WatchBatch,
  WatchChange,
  WatchEnd,
  WatchObserver,
  WatchTarget,
} from "../store.ts";
import type { Client } from "./client.ts";
import { type Event, Event_EventType } from "./gen/etcd.ts";
import { hostIdOf, type KeyRange, oneKey, prefixRange } from "./keys.ts";
import { eventRecord } from "./record.ts";
import type { RangeWatch, WatchStream } from "./watch-stream.ts";
import type { WitnessedCluster } from "./witnessed-cluster.ts";

/** How long to wait for the other range's part of a revision where that is likely to come. */
const holdMs = 3;

/** A watch of one service: one range of keys on the stream, or two that are told as one. */
export class ServiceWatch implements Watch {
  readonly #client: Client;
  readonly #stream: WatchStream;
  readonly #observer: WatchObserver;
  readonly #onClose: (watch: ServiceWatch) => void;
  readonly #ranges: readonly WatchedRange[];

  /** Changes that are not told yet. */
  #pending: WatchChange[] = [];
  #cancelFlush: CancelTimer | undefined;
  #holding = false;
  #established = false;
  #closed = false;

  /** @param onClose called once when it needs no more care */
  constructor(
    client: Client,
    stream: WatchStream,
    prefix: string,
    target: WatchTarget,
    observer: WatchObserver,
    onClose: (watch: ServiceWatch) => void,
  ) {
    this.#client = client;
    this.#stream = stream;
    this.#observer = observer;
    this.#onClose = onClose;
    this.#ranges = rangesOf(prefix, target).map(
      (part) => new WatchedRange(this, client.cluster, target, part),
    );
    for (const range of this.#ranges) stream.add(range);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelFlush?.();
    this.#pending = [];
    for (const range of this.#ranges) this.#stream.remove(range);
    this.#onClose(this);
  }

  /** One of the ranges was accepted. */
  created(): void {
    if (this.#established || !this.#ranges.every((range) => range.caughtUpTo !== undefined)) return;
    const [first, second] = this.#ranges;
    if (first !== undefined && second !== undefined && first.isUnevenWith(second)) {
      this.#pending = [];
      for (const range of this.#ranges) range.restart(this.#stream);
      return;
    }
    this.#established = true;
    this.#tell(() => this.#observer.established());
    if (this.#pending.length > 0) this.#schedule(true);
  }

  /** Something happened in one of the ranges, and the other may have more to say of it. */
  changed(changes: readonly WatchChange[], hold: boolean): void {
    // What came told that these are other records, too.
    if (this.#closed) return;
    for (const change of changes) this.#pending.push(change);
    if (!this.#established) return;
    if (this.#ranges.length === 1) this.#flush();
    else this.#schedule(hold);
  }

  interrupted(error: Error): void {
    if (!this.#established) return;
    this.#flush();
    this.#established = false;
    this.#tell(() => this.#observer.interrupted(error));
  }

  ended(reason: WatchEnd, error: Error): void {
    if (this.#closed) return;
    if (this.#established) this.#flush();
    if (this.#closed) return;
    this.close();
    // Closed watches are silent; this is their last word.
    this.#call(() => this.#observer.ended(reason, error));
  }

  /**
   * What one transaction changed in two ranges comes in two messages, one right after the other: all
   * that arrives in one turn of the event loop is told together. An info that comes alone waits a
   * little for the host that is mostly written with it; hosts, which change far more often, do not
   * wait for an info. While history is caught up with, the ranges run less evenly.
   */
  #schedule(hold: boolean): void {
    if (this.#cancelFlush !== undefined && (hold || !this.#holding)) return;
    this.#cancelFlush?.();
    this.#holding = hold;
    const flush = (): void => this.#flush();
    if (hold) this.#cancelFlush = this.#client.clock.setTimeout(flush, holdMs);
    else {
      const immediate = setImmediate(flush);
      this.#cancelFlush = () => clearImmediate(immediate);
    }
  }

  #flush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    const pending = this.#pending;
    if (pending.length === 0) return;
    this.#pending = [];
    for (const batch of batchesOf(pending)) this.#tell(() => this.#observer.changed(batch));
  }

  #tell(call: () => void): void {
    if (!this.#closed) this.#call(call);
  }

  #call(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#client.logger.error("an observer of a watch threw", { error });
    }
  }
}

/** A range of keys, and what record a key in it is of, if any. */
interface RangePart {
  readonly range: KeyRange;
  readonly record: (key: Uint8Array) => RecordName | undefined;
}

function rangesOf(prefix: string, { service, part }: WatchTarget): RangePart[] {
  const hosts = hostsPrefix(prefix, service);
  const hostsLength = Buffer.byteLength(hosts);
  const hostRecord = (key: Uint8Array): RecordName | undefined => {
    const id = hostIdOf(key, hostsLength);
    return id === undefined ? undefined : { kind: "host", id };
  };
  if (typeof part === "object") {
    return [{ range: oneKey(hostKey(prefix, service, part.host)), record: hostRecord }];
  }
  const info: RangePart = {
    range: oneKey(infoKey(prefix, service)),
    record: () => ({ kind: "info" }),
  };
  return part === "info" ? [info] : [{ range: prefixRange(hosts), record: hostRecord }, info];
}

/** One range of a watch, with its own place in history, which only events that were told move. */
class WatchedRange implements RangeWatch {
  readonly range: KeyRange;

  /** How far its member had come when it accepted the range; undefined: it has not. */
  caughtUpTo: number | undefined;
  readonly #watch: ServiceWatch;
  readonly #cluster: WitnessedCluster;
  readonly #service: string;
  readonly #record: RangePart["record"];
  #next: number;
  #start: number;

  constructor(
    watch: ServiceWatch,
    cluster: WitnessedCluster,
    { service, from }: WatchTarget,
    part: RangePart,
  ) {
    this.range = part.range;
    this.#record = part.record;
    this.#watch = watch;
    this.#cluster = cluster;
    this.#service = service;
    this.#next = from;
    this.#start = from;
  }

  get next(): number {
    return this.#next;
  }

  get behind(): boolean {
    return this.#start <= (this.caughtUpTo ?? Infinity);
  }

  created(revision: number): void {
    this.caughtUpTo = revision;
    this.#start = this.#next;
    this.#watch.created();
  }

  /**
   * Whether a write came between the two beginnings: then one range has to catch up with it, which
   * etcd does ten times a second, while the other is told at once.
   */
  isUnevenWith(other: WatchedRange): boolean {
    return this.#start === other.#start && this.behind !== other.behind;
  }

  /** Begins again where it began; by then both ranges have to catch up. */
  restart(stream: WatchStream): void {
    this.#next = this.#start;
    this.caughtUpTo = undefined;
    stream.restart(this);
  }

  events(events: readonly Event[]): void {
    const changes: WatchChange[] = [];
    const first = this.#next;
    for (const { type, kv } of events) {
      const revision = Number(kv?.modRevision ?? 0);
      // etcd tells a range in order: what is older than something told was told before.
      if (kv === undefined || revision < first) continue;
      this.#next = Math.max(this.#next, revision + 1);
      const record = this.#record(kv.key);
      if (record === undefined) continue;
      if (type === Event_EventType.DELETE) changes.push({ kind: "delete", record, revision });
      else {
        const id = record.kind === "info" ? this.#service : record.id;
        changes.push({ kind: "put", record, stored: eventRecord(id, kv) });
        this.#cluster.remember(kv);
      }
    }
    if (changes.length === 0) return;
    const past = first <= (this.caughtUpTo ?? 0);
    this.#watch.changed(changes, past || changes[0]?.record.kind === "info");
  }

  interrupted(error: Error): void {
    this.caughtUpTo = undefined;
    this.#watch.interrupted(error);
  }

  ended(reason: WatchEnd, error: Error): void {
    this.#watch.ended(reason, error);
  }
}

/** Each revision's changes together, the oldest first. */
function batchesOf(changes: readonly WatchChange[]): WatchBatch[] {
  const batches = new Map<number, WatchChange[]>();
  for (const change of changes) {
    const revision = revisionOf(change);
    const batch = batches.get(revision);
    if (batch === undefined) batches.set(revision, [change]);
    else batch.push(change);
  }
  return Array.from(batches, ([revision, batch]) => ({ revision, changes: batch })).sort(
    (left, right) => left.revision - right.revision,
  );
}

function revisionOf(change: WatchChange): number {
  return change.kind === "put" ? change.stored.revision : change.revision;
}
