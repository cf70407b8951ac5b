import { quote } from "./refuse.ts";
import { showOwnPropertiesOnly } from "./inspect.ts";
import type { HostRecord } from "./record.ts";
import { noStrings } from "./strings.ts";
import { Face, withPath } from "./url.ts";

let recordOf: (host: Host) => HostRecord;

/**
 * One running instance of a service, as it was when it was read. Everything but the password is an
 * own, plain property; the password is behind a getter of the prototype, so that no way of
 * printing, copying or serialising a host takes it along.
 */
export class Host {
  static {
    recordOf = (host) => ({
      uuid: host.uuid,
      serviceName: host.serviceName,
      hostname: host.hostname,
      ports: host.ports,
      user: host.user,
      public: host.public,
      privateHostname: host.privateHostname,
      privatePorts: host.privatePorts,
      critical: host.critical,
      shard: host.shard,
      draining: host.draining,
      password: host.#password,
      weight: host.#weight,
      metadata: host.#metadata,
    });
    showOwnPropertiesOnly("Host", this.prototype);
  }

  // What urls begin with, by the scheme asked for last. In front, so that a url of one of thousands of
  // hosts takes one look at the host, and not one all over it.
  #asked: string | undefined;
  #origin = "";
  #privateAsked: string | undefined;
  #privateOrigin = "";

  // By other schemes that were asked for, which hardly anybody does.
  #origins: Origins | undefined;
  #privateOrigins: Origins | undefined;

  /** The host's id, unique in its service and kept for the life of the registration. */
  readonly uuid: string;

  /** The service it is a host of. */
  readonly serviceName: string;

  /** The hostname that resolves from everywhere; of a private host, the private one if it has no other. IPv6 without brackets. */
  readonly hostname: string;

  /** The ports behind {@link hostname} by scheme, as they are on etcd. The map inherits nothing. */
  readonly ports: Readonly<Record<string, string>>;

  /** Empty if there is none. */
  readonly user: string;

  /** Whether it can be reached from outside the private network. */
  readonly public: boolean;

  /** The hostname that resolves on the private network, or empty. IPv6 without brackets. */
  readonly privateHostname: string;

  /** The ports behind {@link privateHostname}, as {@link ports}. */
  readonly privatePorts: Readonly<Record<string, string>>;

  /** Whether its owner calls it critical. */
  readonly critical: boolean;

  /** Its label for lookups of one shard, or empty. */
  readonly shard: string;

  /** Its share of the work relative to others: 1 unless it says otherwise. */
  readonly weight: number;

  /** What else its owner says about it. The map inherits nothing. */
  readonly metadata: Readonly<Record<string, string>>;

  /** Whether it is about to leave: still serving, but to get no new work while others live. */
  readonly draining: boolean;

  readonly #password: string;
  readonly #weight: number | undefined;
  readonly #metadata: Readonly<Record<string, string>> | undefined;

  /** @internal */
  constructor(record: HostRecord) {
    this.uuid = record.uuid;
    this.serviceName = record.serviceName;
    this.hostname = record.hostname;
    this.ports = record.ports;
    this.user = record.user;
    this.public = record.public;
    this.privateHostname = record.privateHostname;
    this.privatePorts = record.privatePorts;
    this.critical = record.critical;
    this.shard = record.shard;
    this.weight = record.weight ?? 1;
    this.metadata = record.metadata ?? noStrings;
    this.draining = record.draining;
    this.#password = record.password;
    this.#weight = record.weight;
    this.#metadata = record.metadata;
  }

  /** Empty if there is none. */
  get password(): string {
    return this.#password;
  }

  /**
   * A url of the host with its credentials, such as `http://user:secret@public-domain.dev:80/health`.
   * Without a scheme it is that of the port `http`, else of `https`. A path without a leading `/`,
   * `?` or `#` gets its `/`; its white space is encoded, the rest of it is left as it is.
   *
   * Throws `UNKNOWN_SCHEME` if there is no such port, `MALFORMED_RECORD` if the hostname or the port
   * on etcd is none, `INVALID_ARGUMENT` if an argument is not a string.
   */
  url(scheme?: string | undefined, path?: string | undefined): string {
    if (this.#origin === "" || this.#asked !== scheme) {
      if (this.#origin !== "") {
        this.#origins ??= new Map();
        this.#origins.set(this.#asked, this.#origin);
      }
      this.#origin = this.#origins?.get(scheme) ?? this.#public().origin(scheme);
      this.#asked = scheme;
    }
    return withPath(this.#origin, path);
  }

  /** As {@link url}, on the private network; a host without a private hostname has its public one there too. */
  privateUrl(scheme?: string | undefined, path?: string | undefined): string {
    if (this.#privateOrigin === "" || this.#privateAsked !== scheme) {
      if (this.#privateOrigin !== "") {
        this.#privateOrigins ??= new Map();
        this.#privateOrigins.set(this.#privateAsked, this.#privateOrigin);
      }
      this.#privateOrigin = this.#privateOrigins?.get(scheme) ?? this.#private().origin(scheme);
      this.#privateAsked = scheme;
    }
    return withPath(this.#privateOrigin, path);
  }

  /** The number of a port, by its scheme: `http`, else `https`, if none is given. Throws as {@link url} does. */
  port(scheme?: string | undefined): number {
    return this.#public().port(scheme);
  }

  /** As {@link port}, on the private network. */
  privatePort(scheme?: string | undefined): number {
    return this.#private().port(scheme);
  }

  /** `hostname:port`, with an IPv6 address in brackets. Throws as {@link url} does. */
  address(scheme?: string | undefined): string {
    return this.#public().address(scheme);
  }

  /** As {@link address}, on the private network. */
  privateAddress(scheme?: string | undefined): string {
    return this.#private().address(scheme);
  }

  /** The public hostname, else the private one. */
  toString(): string {
    return this.hostname || this.privateHostname;
  }

  #public(): Face {
    return this.#face(this.hostname, this.ports);
  }

  #private(): Face {
    if (this.privateHostname === "") return this.#public();
    return this.#face(this.privateHostname, this.privatePorts);
  }

  #face(hostname: string, ports: Readonly<Record<string, string>>): Face {
    return new Face({
      subject: `host ${quote(this.uuid)} of service ${quote(this.serviceName)}`,
      hostname,
      ports,
      user: this.user,
      password: this.#password,
    });
  }
}

/** What urls begin with, by the scheme that was asked for. */
type Origins = Map<string | undefined, string>;

/** The record that a host was made from, password and all; not for users. */
export function hostRecord(host: Host): HostRecord {
  return recordOf(host);
}
