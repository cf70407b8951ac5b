import { hostname as machineHostname } from "node:os";
import { kindOf, quote, refuse } from "./refuse.ts";
import { localAddressKind } from "./hostname.ts";
import {
  readBoolean,
  readHostname,
  readMetadata,
  readPorts,
  readString,
  readWeight,
} from "./option-values.ts";
import { assertOptionNames, type OptionNames, strangeOption } from "./option-names.ts";
import { encodeHost, type HostRecord } from "./record.ts";
import { isEmpty, noStrings } from "./strings.ts";

/** What a host says about itself when it registers. Hostnames may be IPv6 addresses, without brackets. */
export interface HostOptions {
  /** The hostname that resolves from everywhere. A public host needs one; a private host's is its `privateHostname` by default. */
  readonly hostname?: string | undefined;

  /** Ports behind `hostname` by URL scheme, such as `{ http: 80 }`. A private host's are its `privatePorts` by default. */
  readonly ports?: Readonly<Record<string, number | string>> | undefined;

  /** The hostname that resolves on the private network. Default: a private host's `hostname`, else `$HOSTNAME`, else the machine's hostname. */
  readonly privateHostname?: string | undefined;

  /** Ports behind `privateHostname`. Default: `ports`. */
  readonly privatePorts?: Readonly<Record<string, number | string>> | undefined;

  /** Whether it can be reached from outside the private network. Default: false. */
  readonly public?: boolean | undefined;

  /** Default: false. */
  readonly critical?: boolean | undefined;

  /** A label that lookups can be limited to. Default: none. */
  readonly shard?: string | undefined;

  /** The user that clients sign in with. A public host given neither user nor password takes those of its service. */
  readonly user?: string | undefined;

  readonly password?: string | undefined;

  /** Its share of the work relative to other hosts: finite, above 0. Default: 1. */
  readonly weight?: number | undefined;

  /** What else others should know. Default: nothing. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/**
 * What can be changed while a host is registered: absent or undefined leaves it as it is, `""` or
 * `{}` clears it, so that its default holds again. Credentials are changed for all hosts of a
 * service at once, with `rotateCredentials`.
 */
export interface HostChanges extends Omit<HostOptions, "public" | "user" | "password"> {
  /** False: it gets new work again after it was made draining, by itself or by an operator. */
  readonly draining?: boolean | undefined;
}

/** What was given, with nothing filled in: empty is not given. */
type GivenHost = Omit<HostRecord, "uuid" | "serviceName" | "draining">;

/** A host that may be registered. */
export interface PreparedHost {
  /** What its owner gave; the defaults are worked out from it again at each update. */
  readonly given: GivenHost;

  readonly record: HostRecord;

  /** What is probably a mistake but may be meant; each is one sentence. */
  readonly warnings: readonly string[];
}

/** Where the defaults come from that are not in the options. */
export interface HostDefaults {
  /** A version 4 UUID, another one each time. */
  readonly randomUuid: () => string;

  /** What others on the private network call this machine. */
  readonly machineHostname: () => string;
}

const systemDefaults: HostDefaults = {
  randomUuid: () => crypto.randomUUID(),
  machineHostname: () => process.env["HOSTNAME"] || machineHostname(),
};

/** The largest record in bytes: etcd would take more, but each record travels to every follower. */
const maxRecordBytes = 65_536;

/**
 * The record of a host about to be registered under a service: its options checked, its defaults
 * filled in, and an id of its own. Throws `INVALID_ARGUMENT` naming the field that is refused.
 */
export function prepareHost(
  service: string,
  options: HostOptions,
  defaults: Partial<HostDefaults> = {},
): PreparedHost {
  const { randomUuid, machineHostname } = { ...systemDefaults, ...defaults };
  const given = readOptions(options, nothingGiven);
  const strange = assertOptionNames(options, optionNames).map(strangeOption);
  const faces = completeFaces(given, machineHostname);
  const host = prepared(given, faces, {
    uuid: `${randomUuid()}-${faces.privateHostname}`,
    serviceName: service,
    user: given.user,
    password: given.password,
    draining: false,
  });
  return { ...host, warnings: [...strange, ...host.warnings] };
}

/**
 * The record of a registered host after a change. It keeps its id and the credentials of its current
 * record. Throws `INVALID_ARGUMENT` naming the field that is refused. Warns of what is new only.
 */
export function updateHost(
  current: Pick<PreparedHost, "given" | "record">,
  changes: HostChanges,
  defaults: Partial<HostDefaults> = {},
): PreparedHost {
  for (const name of ["public", "user", "password"] as const) {
    if ((changes as HostOptions | null | undefined)?.[name] !== undefined) {
      refuse(
        name,
        name === "public"
          ? "cannot be changed; unregister, and register anew"
          : "cannot be changed for one host; use rotateCredentials",
      );
    }
  }
  const given = readOptions(changes, current.given);
  const strange = assertOptionNames<HostOptions & HostChanges>(changes, {
    ...optionNames,
    draining: true,
  }).map(strangeOption);
  const { machineHostname } = { ...systemDefaults, ...defaults };
  const known = new Set(warningsOf(current.record));
  const next = prepared(given, completeFaces(given, machineHostname), {
    ...current.record,
    draining: readBoolean("draining", changes.draining, current.record.draining),
  });
  const warnings = next.warnings.filter((warning) => !known.has(warning));
  return { ...next, warnings: [...strange, ...warnings] };
}

const optionNames: OptionNames<HostOptions> = {
  hostname: true,
  ports: true,
  privateHostname: true,
  privatePorts: true,
  public: true,
  critical: true,
  shard: true,
  user: true,
  password: true,
  weight: true,
  metadata: true,
};

const nothingGiven: GivenHost = {
  hostname: "",
  ports: noStrings,
  user: "",
  password: "",
  public: false,
  privateHostname: "",
  privatePorts: noStrings,
  critical: false,
  shard: "",
};

function readOptions(options: HostOptions, before: GivenHost): GivenHost {
  if (typeof options !== "object" || options === null) {
    refuse("host options", `must be an object, not ${kindOf(options)}`);
  }
  return {
    hostname: readHostname("hostname", options.hostname, before.hostname),
    ports: readPorts("ports", options.ports, before.ports),
    user: readString("user", options.user, before.user),
    password: readString("password", options.password, before.password),
    public: readBoolean("public", options.public, before.public),
    privateHostname: readHostname(
      "privateHostname",
      options.privateHostname,
      before.privateHostname,
    ),
    privatePorts: readPorts("privatePorts", options.privatePorts, before.privatePorts),
    critical: readBoolean("critical", options.critical, before.critical),
    shard: readString("shard", options.shard, before.shard),
    weight: readWeight(options.weight, before.weight),
    metadata: readMetadata(options.metadata, before.metadata),
  };
}

type Faces = Pick<HostRecord, "hostname" | "ports" | "privateHostname" | "privatePorts">;

/** Fills in what was not given of the two faces of a host. A private host has one face only. */
function completeFaces(given: GivenHost, machineHostname: () => string): Faces {
  if (given.public && given.hostname === "") {
    refuse(
      "hostname",
      "a public host needs one; give the hostname that resolves from everywhere, or leave out public",
    );
  }
  if (isEmpty(given.ports) && isEmpty(given.privatePorts)) {
    refuse("ports", "a host needs at least one; give them by scheme, such as { http: 80 }");
  }
  const privateHostname =
    given.privateHostname ||
    (given.public ? "" : given.hostname) ||
    readHostname(
      "privateHostname (by default $HOSTNAME or the machine's)",
      machineHostname(),
      "",
    ) ||
    refuse("privateHostname", "must be given, as neither $HOSTNAME nor the machine has a hostname");
  return {
    hostname: given.hostname || privateHostname,
    ports: given.public || !isEmpty(given.ports) ? given.ports : given.privatePorts,
    privateHostname,
    privatePorts: isEmpty(given.privatePorts) ? given.ports : given.privatePorts,
  };
}

/** What a record says that neither options nor their defaults do. */
type Kept = Pick<HostRecord, "uuid" | "serviceName" | "user" | "password" | "draining">;

function prepared(given: GivenHost, faces: Faces, kept: Kept): PreparedHost {
  const record: HostRecord = {
    uuid: kept.uuid,
    serviceName: kept.serviceName,
    hostname: faces.hostname,
    ports: faces.ports,
    user: kept.user,
    password: kept.password,
    public: given.public,
    privateHostname: faces.privateHostname,
    privatePorts: faces.privatePorts,
    critical: given.critical,
    shard: given.shard,
    weight: given.weight,
    metadata: given.metadata,
    draining: kept.draining,
  };
  assertRecordSize(record, () => largestField(given));
  return { given, record, warnings: warningsOf(record) };
}

/** Refuses a record over 64 KiB, in the name of the field that makes it so. */
export function assertRecordSize(record: HostRecord, field: () => string): void {
  const { byteLength } = encodeHost(record);
  if (byteLength <= maxRecordBytes) return;
  refuse(
    field(),
    `makes the record ${byteLength} bytes long, above the limit of ${maxRecordBytes}; shorten it`,
  );
}

function largestField(given: GivenHost): string {
  const sizes = Object.entries(given).map(
    ([field, value]) => [field, JSON.stringify(value ?? "").length] as const,
  );
  return sizes.reduce((largest, next) => (next[1] > largest[1] ? next : largest))[0];
}

function warningsOf(record: HostRecord): string[] {
  const hostnames = new Map([
    [record.privateHostname, "privateHostname"],
    [record.hostname, "hostname"],
  ]);
  return [...hostnames].flatMap(([hostname, field]) => {
    const kind = localAddressKind(hostname);
    return kind === undefined
      ? []
      : [`${field} ${quote(hostname)} is ${kind} address, which other machines cannot reach`];
  });
}
