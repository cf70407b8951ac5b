import { quote } from "./refuse.ts";
import { DiscoveryError } from "../errors.ts";
import { goBytes, jsonString, jsonStrings, omitEmpty } from "./go-json.ts";
import { isEmpty, isSame, newStrings, noStrings, type Strings } from "./strings.ts";

/**
 * What is on etcd for one host. Strings are empty and maps have no entries where the record has
 * nothing. Holds the password in the open: only {@link Host} is for users.
 */
export interface HostRecord {
  /** The host's id: the last segment of its key, whatever the record says. */
  readonly uuid: string;

  /** The service that the host's key belongs to, whatever the record says. */
  readonly serviceName: string;
  readonly hostname: string;

  /** By scheme, as on the wire; not necessarily usable. */
  readonly ports: Strings;
  readonly user: string;
  readonly password: string;
  readonly public: boolean;
  readonly privateHostname: string;
  readonly privatePorts: Strings;
  readonly critical: boolean;
  readonly shard: string;

  /** Finite and above 0; absent: not given. */
  readonly weight?: number | undefined;

  /** Absent: none. */
  readonly metadata?: Strings | undefined;
  readonly draining: boolean;
}

/** What is on etcd for a service as a whole. As {@link HostRecord}, it holds the password in the open. */
export interface InfoRecord {
  readonly name: string;
  readonly critical: boolean;
  readonly hostname: string;
  readonly user: string;
  readonly password: string;
  readonly ports: Strings;
  readonly public: boolean;
}

/** The info that a host of its service writes: with its address if it is public, else the name and `critical` only. */
export function infoOf(host: HostRecord): InfoRecord {
  return {
    name: host.serviceName,
    critical: host.critical,
    hostname: host.public ? host.hostname : "",
    user: host.public ? host.user : "",
    password: host.public ? host.password : "",
    ports: host.public ? host.ports : noStrings,
    public: host.public,
  };
}

/** The bytes of a host's record, the same as Go's `json.Marshal` makes for the same values. */
export function encodeHost(host: HostRecord): Uint8Array {
  return goBytes(
    `{"name":${jsonString(host.hostname)}` +
      `,"service_name":${jsonString(host.serviceName)}` +
      `,"ports":${jsonStrings(host.ports)}` +
      omitEmpty("user", host.user) +
      omitEmpty("password", host.password) +
      omitEmpty("public", host.public) +
      omitEmpty("private_hostname", host.privateHostname) +
      omitEmpty("private_ports", host.privatePorts) +
      omitEmpty("critical", host.critical) +
      omitEmpty("shard", host.shard) +
      omitEmpty("uuid", host.uuid) +
      (host.weight === undefined ? "" : `,"weight":${host.weight}`) +
      omitEmpty("metadata", host.metadata) +
      omitEmpty("draining", host.draining) +
      "}",
  );
}

/** The bytes of a service's info, the same as Go's `json.Marshal` makes for the same values. */
export function encodeInfo(info: InfoRecord): Uint8Array {
  return goBytes(
    `{"name":${jsonString(info.name)}` +
      `,"critical":${info.critical}` +
      omitEmpty("hostname", info.hostname) +
      omitEmpty("user", info.user) +
      omitEmpty("password", info.password) +
      omitEmpty("ports", info.ports) +
      omitEmpty("public", info.public) +
      "}",
  );
}

/**
 * Reads a host's record. A field whose value is of another type than it should be counts as absent;
 * only what is not a JSON object throws `MALFORMED_RECORD`.
 */
export function decodeHost(value: Uint8Array, service: string, id: string): HostRecord {
  const fields = readFields(value, () => `host ${quote(id)} of service ${quote(service)}`);
  const hostname = asString(fields["name"]);
  const ports = asPorts(fields["ports"]);
  const privateHostname = asString(fields["private_hostname"]);
  const privatePorts = asPorts(fields["private_ports"]);
  return {
    uuid: id,
    serviceName: service,
    hostname,
    ports,
    user: asString(fields["user"]),
    password: asString(fields["password"]),
    public: fields["public"] === true,
    // Kept once where both faces are the same, as they mostly are: there may be thousands of hosts.
    privateHostname: privateHostname === hostname ? hostname : privateHostname,
    privatePorts: isSame(privatePorts, ports) ? ports : privatePorts,
    critical: fields["critical"] === true,
    shard: asString(fields["shard"]),
    weight: asWeight(fields["weight"]),
    metadata: asMetadata(fields["metadata"]),
    draining: fields["draining"] === true,
  };
}

/** Reads a service's info, as {@link decodeHost} reads a host. */
export function decodeInfo(value: Uint8Array, service: string): InfoRecord {
  const fields = readFields(value, () => `info of service ${quote(service)}`);
  return {
    name: service,
    critical: fields["critical"] === true,
    hostname: asString(fields["hostname"]),
    user: asString(fields["user"]),
    password: asString(fields["password"]),
    ports: asPorts(fields["ports"]),
    public: fields["public"] === true,
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** The fields by their names in lower case; as in Go, of several the last one counts, and `null` says nothing. */
function readFields(value: Uint8Array, subject: () => string): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString());
  } catch {
    // Not passed on as the cause: the parser quotes the text around the fault, which may be a password.
    throw new DiscoveryError("MALFORMED_RECORD", `the record of ${subject()} is not JSON`);
  }
  if (!isObject(parsed)) {
    throw new DiscoveryError(
      "MALFORMED_RECORD",
      `the record of ${subject()} is JSON, but not an object`,
    );
  }
  const names = Object.keys(parsed);
  return names.some((name) => name !== name.toLowerCase()) ? foldNames(parsed, names) : parsed;
}

function foldNames(parsed: Fields, names: readonly string[]): Fields {
  const fields = Object.create(null) as Record<string, unknown>;
  for (const name of names) {
    const field = parsed[name];
    if (field !== null) fields[name.toLowerCase()] = field;
  }
  return fields;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asString(value: unknown): string {
  return typeof value === "string" ? value.toWellFormed() : "";
}

/** A port that is neither a string nor a number stays as an empty one: the host has it, but it cannot be used. */
function asPorts(value: unknown): Strings {
  if (!isObject(value)) return noStrings;
  const ports = newStrings();
  for (const name of Object.keys(value)) {
    const port = value[name];
    ports[name.toWellFormed()] = typeof port === "number" ? String(port) : asString(port);
  }
  return Object.freeze(ports);
}

function asWeight(value: unknown): number | undefined {
  return typeof value === "number" && value > 0 && Number.isFinite(value) ? value : undefined;
}

function asMetadata(value: unknown): Strings | undefined {
  if (!isObject(value)) return undefined;
  const metadata = newStrings();
  for (const name of Object.keys(value)) {
    const text = value[name];
    if (typeof text === "string") metadata[name.toWellFormed()] = text.toWellFormed();
  }
  return isEmpty(metadata) ? undefined : Object.freeze(metadata);
}
