import { assertOptionalString, quote } from "./refuse.ts";
import { DiscoveryError } from "../errors.ts";
import { urlHostname } from "./hostname.ts";
import type { Strings } from "./strings.ts";

/** What urls are made of. */
export interface FaceParts {
  /** Whose face it is, for messages. */
  readonly subject: string;
  readonly hostname: string;
  readonly ports: Strings;
  readonly user: string;
  readonly password: string;
}

/**
 * One face of a host or a service, the public or the private one: the addresses and urls that lead
 * to it. What it is made of comes from a record, so that it may turn out to be unusable only here.
 */
export class Face {
  readonly #parts: FaceParts;

  constructor(parts: FaceParts) {
    this.#parts = parts;
  }

  /** Refused arguments: `INVALID_ARGUMENT`; no such port: `UNKNOWN_SCHEME`; an unusable hostname or port: `MALFORMED_RECORD`. */
  url(scheme: string | undefined, path: string | undefined): string {
    return withPath(this.origin(scheme), path);
  }

  /** A url up to its path. Throws as {@link url} does. */
  origin(asked: string | undefined): string {
    const scheme = this.#schemeOf(asked);
    const { user, password, subject } = this.#parts;
    if (!isUrlScheme(scheme)) {
      throw new DiscoveryError(
        "MALFORMED_RECORD",
        `the port name ${quote(scheme)} of ${subject} is no URL scheme`,
      );
    }
    let userInfo = "";
    if (user !== "") {
      userInfo = encodeURIComponent(user);
      if (password !== "") userInfo += `:${encodeURIComponent(password)}`;
      userInfo += "@";
    }
    // Joined, as a template would leave a string in parts, to be put together for every url.
    return [scheme, "://", userInfo, this.#hostname(), ":", this.#portOf(scheme)].join("");
  }

  /** The port of that name as a number. */
  port(scheme: string | undefined): number {
    return this.#portOf(this.#schemeOf(scheme));
  }

  /** `hostname:port`, an IPv6 address in brackets. */
  address(scheme: string | undefined): string {
    return `${this.#hostname()}:${this.port(scheme)}`;
  }

  /** The port name to use: the one asked for, else `http`, else `https`. */
  #schemeOf(asked: string | undefined): string {
    assertOptionalString("scheme", asked);
    const { ports, subject } = this.#parts;
    const candidates = asked ? [asked] : ["http", "https"];
    const scheme = candidates.find((candidate) => ports[candidate] !== undefined);
    if (scheme !== undefined) return scheme;
    const names = Object.keys(ports).map(quote).join(", ");
    throw new DiscoveryError(
      "UNKNOWN_SCHEME",
      `${subject} has no port ${candidates.map(quote).join(" or ")}; ${names === "" ? "it has none at all" : `it has ${names}`}`,
    );
  }

  #portOf(scheme: string): number {
    const { ports, subject } = this.#parts;
    const written = ports[scheme] ?? "";
    const port = parsePort(written);
    if (port !== undefined) return port;
    throw new DiscoveryError(
      "MALFORMED_RECORD",
      `the port ${quote(scheme)} of ${subject} is ${quote(written)}, which is no port`,
    );
  }

  #hostname(): string {
    const { hostname, subject } = this.#parts;
    const written = urlHostname(hostname);
    if (written !== undefined) return written;
    throw new DiscoveryError(
      "MALFORMED_RECORD",
      `the hostname of ${subject} is ${quote(hostname)}, which is no hostname`,
    );
  }
}

/** A port as a number from 1 to 65535, or `undefined` if it is none. */
export function parsePort(written: string): number | undefined {
  if (!/^\d+$/.test(written)) return undefined;
  const port = Number(written);
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** Whether urls with a port can have this scheme; `file` is the one that cannot. */
export function isUrlScheme(name: string): boolean {
  return /^[a-z][a-z0-9+.-]*$/i.test(name) && name.toLowerCase() !== "file";
}

/** A url, of what it begins with and its path. Throws `INVALID_ARGUMENT`. */
export function withPath(origin: string, path: string | undefined): string {
  if (path === undefined || path === "") return origin;
  if (typeof path === "string" && isPlain(path)) return origin + path;
  return origin + urlPath(path);
}

/** A path as it goes behind a port: begun with `/`, `?` or `#`, its white space and control characters encoded. */
function urlPath(path: string): string {
  assertOptionalString("path", path);
  return isPathStart(path.charCodeAt(0)) ? encodeSpaces(path) : `/${encodeSpaces(path)}`;
}

const [slash, question, hash] = [0x2f, 0x3f, 0x23];

function isPathStart(unit: number): boolean {
  return unit === slash || unit === question || unit === hash;
}

/** Whether it goes into a url as it is, begun as it should be and all of it visible ASCII: nearly every path, and looked at for each url. */
function isPlain(path: string): boolean {
  if (!isPathStart(path.charCodeAt(0))) return false;
  for (let index = 1; index < path.length; index += 1) {
    const unit = path.charCodeAt(index);
    if (unit <= 0x20 || unit >= 0x7f) return false;
  }
  return true;
}

function encodeSpaces(path: string): string {
  return path.toWellFormed().replace(/[\s\p{Cc}]/gu, encodeURIComponent);
}

/** Throws `INVALID_ARGUMENT` for what `url()` would refuse, before there is anything to build one from. */
export function assertUrlArguments(scheme: unknown, path: unknown): void {
  assertOptionalString("scheme", scheme);
  assertOptionalString("path", path);
}
