import { isIP, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";

/** Whether only this machine can reach a server that listens there. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** Where a name or an address stands in a url, or in a `Host` header. */
export function hostInUrl(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** Addresses that mean: all addresses of this machine. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** All addresses of this machine that others may reach it by, and its loopback ones. */
export function machineAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.map(({ address }) => address);
}

/**
 * The names that a server answers to. A page of somebody else whose name was made to lead here (DNS
 * rebinding) asks by its own name, which is none of these.
 */
export class AllowedHosts {
  readonly #names: ReadonlySet<string>;

  /**
   * @param host what the server listens on
   * @param port what it listens on
   * @param more names that lead here by a proxy: with a port that very one, without one the default port or the server's
   * @param addresses of this machine
   */
  constructor(
    host: string,
    port: number,
    more: readonly string[],
    addresses: readonly string[] = machineAddresses(),
  ) {
    const names = ["localhost", "127.0.0.1", "::1", host];
    if (isWildcard(host)) names.push(...addresses);
    const own = names.map((name) => `${hostInUrl(name)}:${port}`);
    // Browsers leave the default port out.
    if (port === 80) own.push(...names.map(hostInUrl));
    const further = more.flatMap((name) => {
      const written = hostInUrl(name);
      return hasPort(written) ? [written] : [written, `${written}:${port}`];
    });
    this.#names = new Set([...own, ...further].map((name) => name.toLowerCase()));
  }

  /** Whether a request with this `Host` header was meant for this server. */
  admits(host: string | undefined): boolean {
    return host !== undefined && this.#names.has(host.toLowerCase());
  }

  /** Whether a page with this `Origin` is one of this server's. */
  admitsOrigin(origin: string): boolean {
    const host = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1];
    return this.admits(host);
  }
}

function hasPort(name: string): boolean {
  return /:\d+$/.test(name) && !name.endsWith("]");
}
