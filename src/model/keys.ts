import { kindOf, quote, refuse } from "./refuse.ts";

const maxNameBytes = 255;

/** What would end a path segment, or break a log line. */
const slashOrControl = /[/\p{Cc}]/u;

/**
 * Whether this can be one segment of a key: well-formed, not empty, without `/` and control
 * characters, and neither `.` nor `..`, which the URLs of etcd's v2 API would swallow.
 */
function isSegment(text: string): boolean {
  return (
    text !== "" &&
    text !== "." &&
    text !== ".." &&
    !slashOrControl.test(text) &&
    text.isWellFormed()
  );
}

/** Whether this is the name of a service: one key segment of 1 to 255 bytes in UTF-8. */
export function isServiceName(name: string): boolean {
  // A UTF-16 unit takes at least one byte, so that long texts need no look at each character.
  return name.length <= maxNameBytes && isSegment(name) && Buffer.byteLength(name) <= maxNameBytes;
}

/** Throws `INVALID_ARGUMENT` for whatever is not the name of a service. */
export function assertServiceName(name: unknown): asserts name is string {
  if (typeof name !== "string") refuse("service name", `must be a string, not ${kindOf(name)}`);
  if (isServiceName(name)) return;
  refuse(
    "service name",
    `${quote(name)} is not one: use 1 to ${maxNameBytes} bytes without "/" and control characters, and not "." or ".."`,
  );
}

/** Whether this can be the id of a host: one key segment. Whatever else lies in a range is no host. */
export function isHostId(id: string): boolean {
  return isSegment(id);
}

/** Throws `INVALID_ARGUMENT` for whatever cannot stand before all keys: `""`, or `/` and a segment, any number of times. */
export function assertPrefix(prefix: unknown): asserts prefix is string {
  if (typeof prefix !== "string") refuse("prefix", `must be a string, not ${kindOf(prefix)}`);
  if (prefix === "") return;
  const [beforeFirst, ...segments] = prefix.split("/");
  if (beforeFirst === "" && segments.every(isSegment)) return;
  refuse(
    "prefix",
    `${quote(prefix)} cannot stand before keys: write it like "/prod", with a "/" before each part and none at the end`,
  );
}

/** What the keys of all hosts of all services begin with. */
export function servicesPrefix(prefix: string): string {
  return `${prefix}/services/`;
}

/** What the keys of all service infos begin with. */
export function infosPrefix(prefix: string): string {
  return `${prefix}/services_infos/`;
}

/** What the keys of all hosts of a service begin with; its last `/` keeps `demo` apart from `demo-b`. */
export function hostsPrefix(prefix: string, service: string): string {
  return `${prefix}/services/${service}/`;
}

/** The key of one host's record. */
export function hostKey(prefix: string, service: string, id: string): string {
  return `${prefix}/services/${service}/${id}`;
}

/** The key of a service's info. */
export function infoKey(prefix: string, service: string): string {
  return `${prefix}/services_infos/${service}`;
}
