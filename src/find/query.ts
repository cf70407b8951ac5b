import { optionalMilliseconds, optionsBag } from "../arguments.ts";
import { abortable } from "../async/abort.ts";
import { DiscoveryError, isDiscoveryError } from "../errors.ts";
import { Host } from "../model/host.ts";
import { assertServiceName } from "../model/keys.ts";
import { decodeHost, decodeInfo, type HostRecord, type InfoRecord } from "../model/record.ts";
import { assertOptionalString, quote } from "../model/refuse.ts";
import { Service } from "../model/service.ts";
import { noStrings } from "../model/strings.ts";
import { assertUrlArguments } from "../model/url.ts";
import type { ReadOptions, Selection, StoredRecord } from "../store/store.ts";
import { HostPromise } from "./host-promise.ts";
import { lookup, lookupCall, type LookupContext, type LookupOptions } from "./lookup.ts";
import { drainingLast, inRandomOrder } from "./orders.ts";

/** Which hosts of a service to look for, and for how long. */
export interface GetOptions extends LookupOptions {
  /** Only hosts on this shard. Default, also if it is empty: all hosts. */
  readonly shard?: string | undefined;

  /**
   * How old, in milliseconds, an answer may be that needs no reading of etcd: where this `Discovery`
   * follows the service, by a live pool or a subscription, it is given what is known already if
   * contact with etcd was not lost for longer than this. Default: always read etcd.
   */
  readonly maxStaleMs?: number | undefined;
}

/** What was found of a service: in the store, or known already. */
interface Found {
  readonly info: StoredRecord | Service | undefined;
  readonly hosts: readonly (StoredRecord | Host)[];
}

/**
 * A question about one service. Nothing is read before one of its methods is called, and each of
 * them reads the store once, afresh, unless `maxStaleMs` allows for less. They reject with:
 *
 * - `SERVICE_NOT_FOUND`: the service has neither an info nor a host;
 * - `NO_HOST_FOUND`: it has an info, but no host;
 * - `NO_HOST_FOUND_ON_SHARD`: it has hosts, but none on the shard;
 * - `UNAVAILABLE`, `TIMEOUT`, `UNAUTHENTICATED`, `PERMISSION_DENIED`: etcd did not answer, or refused;
 * - `CLOSED`: the `Discovery` was closed;
 * - `signal.reason`: the signal was aborted.
 *
 * A host whose record cannot be read is passed over, and reported.
 */
export class Query {
  readonly #context: LookupContext;
  readonly #service: string;
  readonly #shard: string | undefined;
  readonly #maxStaleMs: number | undefined;
  readonly #call: ReadOptions;

  /** @internal Throws `INVALID_ARGUMENT`. */
  constructor(context: LookupContext, service: string, options?: GetOptions | undefined) {
    assertServiceName(service);
    const bag = optionsBag(options, {
      signal: true,
      timeoutMs: true,
      shard: true,
      maxStaleMs: true,
    });
    assertOptionalString("shard", bag.shard);
    this.#context = context;
    this.#service = service;
    this.#shard = bag.shard || undefined;
    this.#maxStaleMs = optionalMilliseconds("maxStaleMs", bag.maxStaleMs, 0);
    this.#call = lookupCall(bag, context);
  }

  /** All hosts, at least one, sorted by their uuids; those that are draining too. */
  async all(): Promise<Host[]> {
    const listing = await this.#readAll();
    const hosts = [...this.#readable(sorted(listing.hosts))];
    if (hosts.length === 0) throw this.#absence(listing);
    return hosts;
  }

  /** A random host; one that is draining only if no other lives. */
  one(): HostPromise {
    return this.#host((hosts) => this.#shuffled(hosts));
  }

  /** The host with the lowest uuid; one that is draining only if no other lives. */
  first(): HostPromise {
    return this.#host(sorted);
  }

  /**
   * A url of the service, as {@link Host.url} makes them. That of a public service is made from its
   * info, and needs no living host; but if public hosts live and none has the info's hostname, it
   * is one of theirs. That of a private service, or on a shard, is a random host's: one that has
   * such a url, and one that is draining only if no other has. Rejects with `UNKNOWN_SCHEME` if
   * there is no such port, `MALFORMED_RECORD` if what is on etcd makes no url. A refused argument
   * throws at once.
   */
  url(scheme?: string | undefined, path?: string | undefined): Promise<string> {
    assertUrlArguments(scheme, path);
    return this.#url(scheme, path);
  }

  /** What all hosts of the service have in common; its name only if there is no info on etcd. Rejects with `MALFORMED_RECORD` if that cannot be read. */
  async service(): Promise<Service> {
    const { info } = await this.#read({ info: true, hosts: [] });
    if (info instanceof Service) return info;
    return new Service(
      info === undefined ? nameOnly(this.#service) : decodeInfo(info.value, this.#service),
    );
  }

  #read(selection: Selection): Promise<Found> {
    const { store } = this.#context;
    const call = this.#call;
    return lookup(
      this.#context,
      call,
      async () => this.#known() ?? store.read(this.#service, selection, call),
    );
  }

  /** What is known already, if that may answer. That there is nothing, or nothing that can be read, is asked of the store, which may know why. */
  #known(): Found | undefined {
    if (this.#maxStaleMs === undefined) return undefined;
    const mirror = this.#context.known?.(this.#service);
    if (mirror?.listed !== true || mirror.freshness.ageMs > this.#maxStaleMs) return undefined;
    const { hosts, info, infoUnreadable } = mirror;
    return infoUnreadable || (info === undefined && hosts.length === 0)
      ? undefined
      : { info, hosts: hosts.slice() };
  }

  /** Rejects with `SERVICE_NOT_FOUND` if there is nothing. */
  async #readAll(): Promise<Found> {
    const { clock } = this.#context.store;
    const deadline = clock.now() + this.#call.timeoutMs;
    const listing = await this.#read({ info: true, hosts: "all" });
    if (listing.info !== undefined || listing.hosts.length > 0) return listing;
    const hint = await this.#hint(deadline - clock.now());
    throw new DiscoveryError(
      "SERVICE_NOT_FOUND",
      `${this.#name} has neither an info nor a host${hint === undefined ? "" : `; ${hint}`}`,
    );
  }

  /** What else the store can say of a service that is not there, in the time that is left. */
  async #hint(timeoutMs: number): Promise<string | undefined> {
    const { store } = this.#context;
    const { signal } = this.#call;
    if (store.hint === undefined || timeoutMs <= 0) return undefined;
    const hint = store.hint(this.#service, { timeoutMs });
    return lookup(this.#context, this.#call, () => abortable(hint, signal));
  }

  #host(order: (hosts: Found["hosts"]) => Iterable<StoredRecord | Host>): HostPromise {
    const found = this.#readAll().then((listing) => {
      for (const host of drainingLast(this.#readable(order(listing.hosts)))) return host;
      throw this.#absence(listing);
    });
    return new HostPromise((resolve) => resolve(found));
  }

  async #url(scheme: string | undefined, path: string | undefined): Promise<string> {
    const listing = await this.#readAll();
    const hosts = drainingLast(this.#readable(this.#shuffled(listing.hosts)));
    const info = this.#shard === undefined ? this.#info(listing) : undefined;
    if (info?.public !== true) {
      const url = this.#urlOfFirst(hosts, scheme, path);
      if (url === undefined) throw this.#absence(listing);
      return url;
    }
    const elsewhere: Host[] = [];
    for (const host of hosts) {
      if (!host.public) continue;
      if (host.hostname === info.hostname) return info.url(scheme, path);
      elsewhere.push(host);
    }
    return this.#urlOfFirst(elsewhere, scheme, path) ?? info.url(scheme, path);
  }

  /** A url of the first host that has such a one; `undefined` if there is no host. */
  #urlOfFirst(
    hosts: Iterable<Host>,
    scheme: string | undefined,
    path: string | undefined,
  ): string | undefined {
    let failure: DiscoveryError | undefined;
    for (const host of hosts) {
      try {
        return host.url(scheme, path);
      } catch (error) {
        if (!isDiscoveryError(error)) throw error;
        if (error.code === "MALFORMED_RECORD") this.#report("host", host.uuid, error);
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return undefined;
  }

  /** The hosts on the shard asked for, decoded only as far as they are asked for. */
  *#readable(hosts: Iterable<StoredRecord | Host>): Generator<Host> {
    for (const found of hosts) {
      const host = found instanceof Host ? found : this.#hostRecord(found);
      if (host === undefined) continue;
      if (this.#shard !== undefined && host.shard !== this.#shard) continue;
      yield host instanceof Host ? host : new Host(host);
    }
  }

  #hostRecord({ id, value }: StoredRecord): HostRecord | undefined {
    return this.#decode("host", id, () => decodeHost(value, this.#service, id));
  }

  /** Undefined as well if it cannot be read. */
  #info({ info }: Found): Service | undefined {
    if (info === undefined || info instanceof Service) return info;
    const record = this.#decode("info", info.id, () => decodeInfo(info.value, this.#service));
    return record && new Service(record);
  }

  #decode<R>(kind: "host" | "info", id: string, decode: () => R): R | undefined {
    try {
      return decode();
    } catch (error) {
      if (!isDiscoveryError(error)) throw error;
      this.#report(kind, id, error);
      return undefined;
    }
  }

  #report(kind: "host" | "info", id: string, error: DiscoveryError): void {
    this.#context.onMalformed({ service: this.#service, kind, id, error });
  }

  #shuffled(hosts: Found["hosts"]): Iterable<StoredRecord | Host> {
    return inRandomOrder(hosts, this.#context.random);
  }

  /** Why a listing has no host for this query. */
  #absence({ hosts }: Found): DiscoveryError {
    const service = this.#name;
    if (hosts.length > 0) {
      return this.#shard === undefined
        ? new DiscoveryError("NO_HOST_FOUND", `no record of a host of ${service} can be read`)
        : new DiscoveryError(
            "NO_HOST_FOUND_ON_SHARD",
            `${service} has hosts, but none on shard ${quote(this.#shard)}`,
          );
    }
    return new DiscoveryError("NO_HOST_FOUND", `${service} is known, but no host of it lives`);
  }

  /** As messages say it. */
  get #name(): string {
    return `service ${quote(this.#service)}`;
  }
}

/** By uuid, as the store sorts them; what is known already is in the order in which it became known. */
function sorted(hosts: Found["hosts"]): Found["hosts"] {
  if (!(hosts[0] instanceof Host)) return hosts;
  const uuidOf = (host: StoredRecord | Host): string =>
    host instanceof Host ? host.uuid : host.id;
  return [...hosts].sort((one, other) => (uuidOf(one) < uuidOf(other) ? -1 : 1));
}

function nameOnly(name: string): InfoRecord {
  return {
    name,
    critical: false,
    hostname: "",
    user: "",
    password: "",
    ports: noStrings,
    public: false,
  };
}
