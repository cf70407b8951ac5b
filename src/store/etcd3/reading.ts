import {
  hostKey,
  hostsPrefix,
  infoKey,
  infosPrefix,
  isHostId,
  isServiceName,
  servicesPrefix,
} from "../../model/keys.ts";
import { delay } from "../../async/abort.ts";
import type { HostName, Listing, ReadOptions, Selection } from "../store.ts";
import type { Client } from "./client.ts";
import type { RangeRequest } from "./gen/etcd.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";
import { afterKey, afterPrefix, oneKey, prefixRange, sortedByBytes, textOf } from "./keys.ts";
import { askRanges, RangeBatches } from "./ranges.ts";
import { hostRecords, keyOf, keyValueOf, ListedRecord, revisionOf } from "./record.ts";
import { secondBest } from "./second-best.ts";
import { discoveryError } from "./status.ts";

/** Keys in the first answer; more come in further ones. */
const pageSize = 1_000;

/** How large a further answer is to be, in bytes, as far as it can be told from the one before it. */
const pageBytes = 2 * 2 ** 20;

/** How many hosts are asked for by name at most; of more, all are read. */
const mostNamedHosts = 90;

/** How long to wait before members are asked again, when what one knew was of no use; at first, and at most. */
const anotherMs = 100;
const longestPauseMs = 800;

/** What ranges held at a revision: encoded `KeyValue`s, by the order of the ranges. */
interface Held {
  readonly revision: number;
  readonly ranges: readonly (readonly Uint8Array[])[];
}

/** How long it may take, what ends it, and whether it may wait for others. */
type Call = Pick<ReadOptions, "signal" | "timeoutMs" | "together">;

/** Reads the records, each in one round trip unless there is more than a page of them. */
export class Reading {
  readonly #client: Client;
  readonly #prefix: string;
  readonly #batches: RangeBatches;

  constructor(client: Client, prefix: string) {
    this.#client = client;
    this.#prefix = prefix;
    this.#batches = new RangeBatches(client);
  }

  /** See `Store.read`. */
  async read(service: string, { info, hosts }: Selection, options: ReadOptions): Promise<Listing> {
    const prefix = hostsPrefix(this.#prefix, service);
    const all = hosts === "all" || hosts.length > mostNamedHosts;
    const ranges: RangeRequest[] = info ? [oneKey(infoKey(this.#prefix, service))] : [];
    if (all) ranges.push(prefixRange(prefix));
    else {
      for (const id of sortedByBytes(new Set(hosts))) {
        ranges.push(oneKey(hostKey(this.#prefix, service, id)));
      }
    }
    // Nothing was selected: the revision is all there is to tell.
    if (ranges.length === 0) ranges.push({ ...prefixRange(prefix), countOnly: true });

    // Of a service with hosts, a member that knows its info alone knows too little.
    const essential = info && ranges.length > 1 ? 1 : 0;
    const held = await this.#hold(ranges, afterKey, options, essential, () => {
      const names = info ? [infoKey(this.#prefix, service)] : [];
      if (all || hosts.length > 0) names.push(prefix);
      return names;
    });
    const encodedInfo = info ? held.ranges[0]?.[0] : undefined;
    const [first = [], ...more] = info ? held.ranges.slice(1) : held.ranges;
    const encodedHosts = more.length === 0 ? first : first.concat(...more);
    const records = hostRecords(encodedHosts, Buffer.byteLength(prefix));
    const wanted = hosts === "all" ? undefined : new Set(hosts);
    this.#remember(encodedHosts);
    return {
      revision: held.revision,
      info: encodedInfo === undefined ? undefined : new ListedRecord(service, encodedInfo),
      hosts: wanted === undefined ? records : records.filter((record) => wanted.has(record.id)),
    };
  }

  /** See `Store.services`. */
  async services({ alive, ...options }: ReadOptions & { alive: boolean }): Promise<string[]> {
    const services = servicesPrefix(this.#prefix);
    const prefixes = alive ? [services] : [services, infosPrefix(this.#prefix)];
    const names = new Set<string>();
    const ranges = prefixes.map((prefix) => ({ ...prefixRange(prefix), keysOnly: true }));
    // Once a service is known to have a host, its other hosts need not be listed.
    const next = (last: Uint8Array): Uint8Array => {
      const name = serviceOf(last, services);
      return name === undefined ? afterKey(last) : afterPrefix(hostsPrefix(this.#prefix, name));
    };
    const held = await this.#hold(ranges, next, options, 0, () => prefixes);
    const [hosts = [], infos = []] = held.ranges;
    for (const encoded of hosts) {
      const name = serviceOf(keyOf(encoded), services);
      if (name !== undefined) names.add(name);
    }
    for (const encoded of infos) {
      const name = textOf(keyOf(encoded))?.slice(infosPrefix(this.#prefix).length);
      if (name !== undefined && isServiceName(name)) names.add(name);
    }
    return sortedByBytes(names);
  }

  /**
   * Reads all of some ranges at one revision.
   *
   * @param next where the page after one that ends with this key begins
   * @param essential from which range on something has to be found, where a member answers by itself
   */
  #hold(
    ranges: readonly RangeRequest[],
    next: (last: Uint8Array) => Uint8Array,
    options: ReadOptions,
    essential: number,
    keys: () => readonly string[],
  ): Promise<Held> {
    const { settleAfterMs, signal, timeoutMs } = options;
    const agreed = this.#gather(ranges, next, options, keys);
    if (settleAfterMs === undefined) return agreed;
    return secondBest(
      this.#client.clock,
      agreed,
      settleAfterMs,
      (own) => {
        const alone = ranges.map((range) => ({ ...range, serializable: true }));
        const call = { signal: own, timeoutMs: timeoutMs - settleAfterMs };
        return this.#settle(alone, next, call, essential, keys);
      },
      signal,
    );
  }

  /** What a member knows by itself, if that is something, and no older than what was seen of others. */
  async #settle(
    ranges: readonly RangeRequest[],
    next: (last: Uint8Array) => Uint8Array,
    options: Call & { readonly signal: AbortSignal },
    essential: number,
    keys: () => readonly string[],
  ): Promise<Held> {
    const { clock, cluster, logger } = this.#client;
    const { era } = cluster.mark;
    for (let pauseMs = anotherMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      const held = await this.#gather(ranges, next, options, keys);
      const found = held.ranges.slice(essential).some((range) => range.length > 0);
      if (found && cluster.mark.era === era) {
        logger.debug("etcd comes to no agreement: took what one member knew", { keys: keys() });
        return held;
      }
      await delay(clock, pauseMs, options.signal);
    }
  }

  /** Reads ranges a page at a time; it is the first pages that may travel with others'. */
  async #gather(
    ranges: readonly RangeRequest[],
    next: (last: Uint8Array) => Uint8Array,
    { signal, timeoutMs, together }: Call,
    keys: () => readonly string[],
  ): Promise<Held> {
    const deadline = this.#client.clock.now() + timeoutMs;
    let size = pageSize;
    for (let remainingMs = timeoutMs; ; remainingMs = deadline - this.#client.clock.now()) {
      try {
        const firsts = ranges.map((range) => ({ ...range, limit: BigInt(size) }));
        const call = { signal, timeoutMs: remainingMs };
        const pages = await (together === true
          ? this.#batches.ask(firsts, call)
          : askRanges(this.#client, firsts, call));
        const revision = Number(pages[0]?.header?.revision ?? 0);
        const held: (readonly Uint8Array[])[] = [];
        for (const [index, range] of ranges.entries()) {
          let page = pages[index];
          const encoded = page?.kvs ?? [];
          for (let last = encoded.at(-1); page?.more && last !== undefined;) {
            const key = next(keyOf(last));
            const limit = BigInt(size < pageSize ? size : furtherPageSize(page.kvs));
            const rest = { ...range, key, limit, revision: BigInt(revision) };
            const leftMs = deadline - this.#client.clock.now();
            [page] = await askRanges(this.#client, [rest], { signal, timeoutMs: leftMs });
            for (const further of page?.kvs ?? []) encoded.push(further);
            last = page?.kvs.at(-1);
          }
          held.push(encoded);
        }
        return { revision, ranges: held };
      } catch (error) {
        if (!(error instanceof GrpcError)) throw error;
        // Compacted while it was read: the pages that are left have to be of a newer revision.
        if (error.status === GrpcStatus.OUT_OF_RANGE) continue;
        // Too long an answer: the records are larger than anybody would think.
        if (error.status === GrpcStatus.RESOURCE_EXHAUSTED && size > 1) {
          size = Math.ceil(size / 10);
          continue;
        }
        throw discoveryError(error, `read ${keys().join(" and ")}`);
      }
    }
  }

  /** The newest host is the best to tell this history from another by. */
  #remember(hosts: readonly Uint8Array[]): void {
    const { cluster } = this.#client;
    let newest: Uint8Array | undefined;
    let revision = Number(cluster.witness?.modRevision ?? 0);
    for (const encoded of hosts) {
      const its = revisionOf(encoded);
      if (its <= revision) continue;
      newest = encoded;
      revision = its;
    }
    if (newest !== undefined) cluster.remember(keyValueOf(newest));
  }
}

/** How many keys to ask for after a page that ends in these. */
function furtherPageSize(encoded: readonly Uint8Array[]): number {
  const bytes = encoded.reduce((sum, { length }) => sum + length, 0);
  return Math.max(pageSize, Math.floor((pageBytes * encoded.length) / bytes));
}

/** The service that a key within the range of all hosts is a host's of. */
function serviceOf(key: Uint8Array, services: string): string | undefined {
  return hostNameIn(key, services)?.service;
}

/** Whose record a key is; undefined if it is no host's. */
export function hostNameOf(key: Uint8Array, prefix: string): HostName | undefined {
  return hostNameIn(key, servicesPrefix(prefix));
}

function hostNameIn(key: Uint8Array, services: string): HostName | undefined {
  const text = textOf(key);
  const slash = text?.startsWith(services) === true ? text.indexOf("/", services.length) : -1;
  if (text === undefined || slash === -1) return undefined;
  const service = text.slice(services.length, slash);
  const id = text.slice(slash + 1);
  return isServiceName(service) && isHostId(id) ? { service, id } : undefined;
}
