import type { Credentials, SeenHost, SeenInfo } from "./commands.ts";

/** What a registration is to look like on etcd, by its newest record, for as long as it is wanted. */
export interface Wanted {
  readonly registration: string;
  readonly process: string;
  readonly discovery: string;
  readonly service: string;
  readonly public: boolean;

  /** Of a public host: what it brought, if anything. Of a private one: its own. */
  credentials: Credentials | undefined;

  /** Counts its changes; it is in the record's metadata. */
  version: number;
  hostname: string;
  shard: string;
  weight: number;

  /** `"either"`: an operator ordered it, and the order may have been lost with the record. */
  draining: boolean | "either";

  /** Its end was asked for: it may be there, until that is through. */
  leaving: boolean;
}

/** One service as it is on etcd. */
export interface ServiceTruth {
  /** Undefined when there is none; `"unreadable"` when it is no record. */
  readonly info: SeenInfo | "unreadable" | undefined;
  readonly hosts: ReadonlyMap<string, SeenHost | "unreadable">;
}

/** What somebody wrote by hand into the place of a host's version. */
export const byHand = "by hand";

/** All that was ever set for one service. */
interface Known {
  readonly credentials: Set<string>;

  /** Whether there may be hosts without: one was registered without any, or somebody took them off the info. */
  mayBeEmpty: boolean;
}

/**
 * What must be true, whatever has happened: which registrations are wanted, with which records,
 * and which credentials somebody has set. It is told of each operation when that is asked for, not
 * when it is through; does no I/O and knows no time.
 */
export class Model {
  readonly #wanted = new Map<string, Wanted>();
  readonly #ever = new Map<string, Wanted>();
  readonly #touched = new Set<string>();
  readonly #services = new Map<string, Known>();

  register(wanted: Wanted): void {
    this.#wanted.set(wanted.registration, wanted);
    this.#ever.set(wanted.registration, wanted);
    const { service, credentials } = wanted;
    if (!wanted.public) return;
    if (credentials === undefined) this.#known(service).mayBeEmpty = true;
    else this.#known(service).credentials.add(inOne(credentials));
  }

  update(registration: string, changes: Partial<Wanted>): void {
    const wanted = this.#ever.get(registration);
    if (wanted !== undefined) Object.assign(wanted, changes, { version: wanted.version + 1 });
  }

  rotate(registration: string, credentials: Credentials): void {
    const wanted = this.#ever.get(registration);
    if (wanted === undefined) return;
    if (wanted.public) this.#known(wanted.service).credentials.add(inOne(credentials));
    else wanted.credentials = credentials;
  }

  leave(registration: string): void {
    const wanted = this.#wanted.get(registration);
    if (wanted !== undefined) wanted.leaving = true;
  }

  end(registration: string): void {
    this.#wanted.delete(registration);
  }

  /** A process, or one discovery, is no more, and with it all that it had registered. */
  endAll(owner: { readonly process: string } | { readonly discovery: string }): void {
    for (const wanted of this.#wanted.values()) {
      const owned =
        "process" in owner
          ? wanted.process === owner.process
          : wanted.discovery === owner.discovery;
      if (owned) this.#wanted.delete(wanted.registration);
    }
  }

  /** Somebody wrote another record over this one's. */
  touch(registration: string): void {
    this.#touched.add(registration);
  }

  orderDraining(registration: string): void {
    const wanted = this.#ever.get(registration);
    if (wanted !== undefined && !wanted.draining) wanted.draining = "either";
  }

  /** Somebody wrote the info of a service by hand; empty: without credentials. */
  setByHand(service: string, credentials: Credentials | undefined): void {
    if (credentials === undefined) this.#known(service).mayBeEmpty = true;
    else this.#known(service).credentials.add(inOne(credentials));
  }

  /** Those that are wanted now, in the order of their registration. */
  get wanted(): readonly Wanted[] {
    return [...this.#wanted.values()];
  }

  /** Why nobody can have been told of such a host, if that is so. */
  impossible(service: string, host: SeenHost): string | undefined {
    const { metadata } = host;
    const registration = metadata["registration"] ?? "";
    const wanted = this.#ever.get(registration);
    if (wanted === undefined || wanted.service !== service) return "nobody has registered it";
    if (metadata["version"] === byHand) {
      return this.#touched.has(registration) ? undefined : "nobody wrote it by hand";
    }
    const version = Number(metadata["version"]);
    if (!(version <= wanted.version)) return `no version ${version} was written`;
    if (host.public !== wanted.public) return "it is public or not, but never both";
    if (host.public) return this.#impossibleCredentials(service, host);
    return undefined;
  }

  /** Why nobody can have been told of such an info, or such credentials, if that is so. */
  impossibleInfo(service: string, info: SeenInfo): string | undefined {
    return info.public ? this.#impossibleCredentials(service, info) : undefined;
  }

  impossibleNews(registration: string, credentials: Credentials): string | undefined {
    const wanted = this.#ever.get(registration);
    if (wanted === undefined) return "nobody has registered it";
    return this.#impossibleCredentials(wanted.service, credentials);
  }

  /** What on etcd is not as it must be once everything has settled. */
  wrong(service: string, truth: ServiceTruth): string[] {
    const wrong: string[] = [];
    const wanted = this.wanted.filter((each) => each.service === service);
    const missing = new Map(wanted.map((each) => [each.registration, each]));
    for (const [uuid, host] of truth.hosts) {
      if (host === "unreadable") {
        wrong.push(`${uuid} cannot be read`);
        continue;
      }
      const registration = host.metadata["registration"] ?? "";
      const expected = missing.get(registration);
      if (expected === undefined) {
        wrong.push(`${uuid} (${registration}) is there, but not wanted, or twice`);
        continue;
      }
      missing.delete(registration);
      wrong.push(...differences(expected, host));
    }
    for (const { registration, leaving } of missing.values()) {
      if (!leaving) wrong.push(`${registration} is not there`);
    }
    if (wanted.length > 0) wrong.push(...this.#wrongInfo(service, truth));
    return wrong;
  }

  #wrongInfo(service: string, { info, hosts }: ServiceTruth): string[] {
    if (info === undefined) return [`${service} has no info`];
    const publicHosts = [...hosts.values()].filter((host) => host !== "unreadable" && host.public);
    if (publicHosts.length === 0) return [];
    if (info === "unreadable") return [`the info of ${service} cannot be read`];
    const wrong: string[] = [];
    if (!info.public) wrong.push(`the info of ${service} is not public, but hosts are`);
    for (const host of publicHosts) {
      if (host === "unreadable" || inOne(host) === inOne(info)) continue;
      wrong.push(`${host.uuid} has ${inOne(host)}, the info ${inOne(info)}`);
    }
    const impossible = this.#impossibleCredentials(service, info);
    if (impossible !== undefined) wrong.push(`the info of ${service}: ${impossible}`);
    const brought = this.wanted.some(
      (each) => each.service === service && each.public && each.credentials !== undefined,
    );
    if (brought && isEmpty(info)) wrong.push(`the credentials of ${service} are lost`);
    return wrong;
  }

  #impossibleCredentials(service: string, credentials: Credentials): string | undefined {
    const known = this.#known(service);
    if (isEmpty(credentials)) return known.mayBeEmpty ? undefined : "it has no credentials";
    if (known.credentials.has(inOne(credentials))) return undefined;
    return `nobody has set ${inOne(credentials)}`;
  }

  #known(service: string): Known {
    const known = this.#services.get(service) ?? { credentials: new Set(), mayBeEmpty: false };
    this.#services.set(service, known);
    return known;
  }
}

function differences(wanted: Wanted, host: SeenHost): string[] {
  const { registration, hostname, shard, weight, draining, leaving } = wanted;
  const wrong: string[] = [];
  const compare = (name: string, expected: unknown, found: unknown): void => {
    if (expected === found) return;
    wrong.push(`${registration}: ${name} is ${String(found)}, not ${String(expected)}`);
  };
  compare("version", String(wanted.version), host.metadata["version"]);
  compare("hostname", hostname, host.hostname);
  compare("shard", shard, host.shard);
  compare("weight", weight, host.weight);
  compare("public", wanted.public, host.public);
  if (draining !== "either" && !leaving) compare("draining", draining, host.draining);
  if (!wanted.public) {
    compare("credentials", inOne(wanted.credentials ?? nothing), inOne(host));
  }
  return wrong;
}

const nothing: Credentials = { user: "", password: "" };

function isEmpty({ user, password }: Credentials): boolean {
  return user === "" && password === "";
}

function inOne({ user, password }: Credentials): string {
  return `${user}:${password}`;
}
