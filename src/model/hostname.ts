import { isAscii } from "./strings.ts";

/** White space, control characters, and what has a meaning of its own in a URL. */
const forbidden = /[\s\p{Cc}/@?#%\\[\]]/u;

/**
 * A hostname as it stands in a URL: an IPv6 address in brackets, an internationalised name in
 * ASCII. `undefined` if it is the hostname of no URL.
 */
export function urlHostname(hostname: string): string | undefined {
  if (hostname === "" || forbidden.test(hostname)) return undefined;
  const written = hostname.includes(":") ? `[${hostname}]` : hostname;
  const url = `http://${written}`;
  if (!URL.canParse(url)) return undefined;
  return isAscii(written) ? written : new URL(url).hostname;
}

/** Names of addresses that mean another machine, or none, to everybody else. As `URL` normalises them. */
const localAddresses: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ["a loopback", /^(127\.|(.*\.)?localhost\.?$|\[::1\]$|\[::ffff:7f..:)/],
  ["a link-local", /^(169\.254\.|\[fe[89ab].:|\[::ffff:a9fe:)/],
  ["an unspecified", /^(0\.0\.0\.0$|\[::\]$|\[::ffff:0:0\]$)/],
];

/** Which kind of address that others cannot reach this is: "a loopback", "a link-local" or "an unspecified" one; `undefined` if it is none of them. */
export function localAddressKind(hostname: string): string | undefined {
  const written = urlHostname(hostname);
  if (written === undefined) return undefined;
  const normalised = new URL(`http://${written}`).hostname;
  return localAddresses.find(([, pattern]) => pattern.test(normalised))?.[0];
}
