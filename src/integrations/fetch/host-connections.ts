import { type Dispatcher, errors, Pool } from "undici";
import { systemClock } from "../../async/clock.ts";
import type { HostUse } from "../../find/live/host-use.ts";
import type { Outcome } from "../../find/live/outcome.ts";
import type { Host } from "../../model/host.ts";
import { Line, type Place } from "./line.ts";
import type { ServiceClientSettings } from "./options.ts";
import { reachable } from "./reachable.ts";

/** How long requests have to end whose host is gone, or whose client was closed. */
export const graceMs = 30_000;

/** Somebody who waits for a connection to a host. */
export interface Waiting {
  /** It had better go elsewhere, for this reason; `outcome` is what its wait says about the host. */
  sentAway(error: Error, outcome: Outcome): void;
}

/** Where a host listens for one scheme. Throws `UNKNOWN_SCHEME` or `MALFORMED_RECORD`. */
export function originOf(host: Host, scheme: string, isPrivate: boolean): string {
  return `${scheme}://${isPrivate ? host.privateAddress(scheme) : host.address(scheme)}`;
}

/**
 * The connections to one host by one scheme. They are in doubt once one of them broke under a
 * request or could not be opened: then no request is risked there before a connection was opened for
 * nothing else than to see whether somebody listens.
 */
export class HostConnections {
  readonly origin: string;
  readonly #pool: Pool;
  readonly #waiting = new Line<Waiting>();
  readonly #connectTimeoutMs: number;
  #check: Promise<boolean> | undefined;
  #doubtful = false;
  #closing: Promise<void> | undefined;

  constructor(origin: string, settings: ServiceClientSettings) {
    this.origin = origin;
    this.#connectTimeoutMs = settings.connectTimeoutMs;
    this.#pool = new Pool(origin, {
      connections: settings.connections,
      connect: { ...settings.tls, timeout: settings.connectTimeoutMs },
      // Attempts have a time of their own, which counts the wait for a connection, too.
      headersTimeout: 0,
      bodyTimeout: settings.bodyTimeoutMs,
    });
  }

  /** Whether nobody knows if the host still listens. */
  get doubtful(): boolean {
    return this.#doubtful;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#pool.dispatch(options, handler);
  }

  /** A request waits for a connection, until it leaves this place. */
  waits(waiting: Place<Waiting>): void {
    this.#waiting.join(waiting);
  }

  /** No connection could be opened. */
  refused(error: Error): void {
    this.#doubtful = true;
    this.#sendAway(error, "unreachable");
  }

  /** A request got no answer in time. */
  hangs(error: Error): void {
    this.#sendAway(error, "undecided");
  }

  /** A connection broke under this use of the host, which ends when it is known whether the host still listens. */
  broke(use: HostUse): void {
    this.#doubtful = true;
    void this.#listens().then((listens) => use.end(listens ? "failed" : "unreachable"));
  }

  /** Looks whether the host still listens, in place of the request that the use was begun for. */
  verify(use: HostUse): void {
    void this.#listens().then((listens) => use.end(listens ? "undecided" : "unreachable"));
  }

  /** A request got through to the host. */
  trust(): void {
    this.#doubtful = false;
  }

  /** Lets the requests that were begun end, but no longer than half a minute. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Breaks everything off. Never rejects. */
  async destroy(reason: Error): Promise<void> {
    await this.#pool.destroy(reason);
  }

  async #close(): Promise<void> {
    const late = (): void => void this.#pool.destroy(new errors.ClientClosedError());
    const cancel = systemClock.setTimeout(late, graceMs);
    await this.#pool.close().catch(() => {});
    cancel();
  }

  /** Whoever still waits for a connection is better served elsewhere. */
  #sendAway(error: Error, outcome: Outcome): void {
    for (const each of this.#waiting.clear()) each.sentAway(error, outcome);
  }

  #listens(): Promise<boolean> {
    this.#check ??= this.#look();
    return this.#check;
  }

  async #look(): Promise<boolean> {
    const { hostname, port, protocol } = new URL(this.origin);
    const standard = protocol === "https:" ? 443 : 80;
    const address = {
      hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
      port: Number(port) || standard,
    };
    const listens = await reachable(systemClock, address, this.#connectTimeoutMs);
    if (listens) this.#doubtful = false;
    this.#check = undefined;
    return listens;
  }
}
