import { urlHostname } from "./hostname.ts";
import { kindOf, quote, refuse, shown } from "./refuse.ts";
import { frozenStrings, isEmpty, type Strings } from "./strings.ts";
import { isUrlScheme, parsePort } from "./url.ts";

// Each takes the name of an option, its value as it came from the caller, and what holds if there is
// none; a wrong value throws `INVALID_ARGUMENT` with the name and the remedy.

/** A string, made well-formed. */
export function readString(field: string, value: unknown, before: string): string {
  if (value === undefined) return before;
  if (typeof value !== "string") refuse(field, `must be a string, not ${kindOf(value)}`);
  return value.toWellFormed();
}

/** `true` or `false`, never something that merely looks like one. */
export function readBoolean(field: string, value: unknown, before: boolean): boolean {
  if (value === undefined) return before;
  if (typeof value !== "boolean") refuse(field, `must be true or false, not ${kindOf(value)}`);
  return value;
}

/** A hostname that urls can have, or `""`. */
export function readHostname(field: string, value: unknown, before: string): string {
  const hostname = readString(field, value, before);
  if (hostname === "" || urlHostname(hostname) !== undefined) return hostname;
  refuse(
    field,
    // What has an @ may well be a user and a password.
    `${hostname.includes("@") ? "what was given" : quote(hostname)} is no hostname; give a DNS name or an IP address, IPv6 without brackets, and nothing else of a URL`,
  );
}

/** Ports by scheme, as they are written on the wire. */
export function readPorts(field: string, value: unknown, before: Strings): Strings {
  if (value === undefined) return before;
  return frozenStrings(
    readEntries(field, value, "{ http: 80 }").map(([name, port]) => [
      readScheme(field, name),
      String(readPort(`${field} ${quote(name)}`, port)),
    ]),
  );
}

function readScheme(field: string, name: string): string {
  if (isUrlScheme(name)) return name;
  refuse(
    field,
    `${quote(name)} cannot be the name of a port; use the scheme of its urls, such as "http"`,
  );
}

function readPort(field: string, value: unknown): number {
  const port =
    typeof value === "number" || typeof value === "string" ? parsePort(String(value)) : undefined;
  return port ?? refuse(field, `must be a whole number from 1 to 65535, not ${shown(value)}`);
}

/** A finite number above 0. */
export function readWeight(value: unknown, before: number | undefined): number | undefined {
  if (value === undefined) return before;
  if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
  refuse(
    "weight",
    `must be a finite number above 0, not ${shown(value)}; a host that is to get no work is drained`,
  );
}

/** Strings by name, made well-formed; `undefined` if there are none. */
export function readMetadata(
  value: unknown,
  before: Strings | undefined,
  field = "metadata",
): Strings | undefined {
  if (value === undefined) return before;
  const metadata = frozenStrings(
    readEntries(field, value, '{ version: "1.4.2" }').map(([name, text]) => [
      name.toWellFormed(),
      readString(`${field} ${quote(name)}`, text ?? null, ""),
    ]),
  );
  return isEmpty(metadata) ? undefined : metadata;
}

function readEntries(field: string, value: unknown, example: string): [string, unknown][] {
  // By its tag, so that a Map, whose entries are no properties, is not taken for an empty object.
  if (Object.prototype.toString.call(value) === "[object Object]") {
    return Object.entries(value as object);
  }
  refuse(field, `must be an object such as ${example}, not ${shown(value)}`);
}
