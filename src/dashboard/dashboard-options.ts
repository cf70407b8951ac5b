import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../async/clock.ts";
import { refuse, shown } from "../model/refuse.ts";
import type { CatalogueSource } from "./dashboard-view.ts";
import { isLoopback } from "./allowed-hosts.ts";

/** Answers `GET` of one path. What it throws is answered with 500, without the reason. */
export type Route = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface DashboardOptions {
  /** What to show. It stays the caller's, to be closed after the dashboard. */
  readonly catalogue: CatalogueSource;

  /** The endpoint of etcd in use, to be shown. Default: none is shown. */
  readonly endpoint?: (() => string | undefined) | undefined;

  /** The address to listen on. Default: `127.0.0.1`. Any that is not loopback asks whoever comes for a token. */
  readonly host?: string | undefined;

  /** Default: 7379. 0: one that the system picks. */
  readonly port?: number | undefined;

  /** Who has it may look, as often as they like; at least 16 visible characters. Default: off loopback a generated one, good for one sign-in, and another one after that. */
  readonly token?: string | undefined;

  /** Names, with or without a port, by which others come through a proxy. */
  readonly allowHosts?: readonly string[] | undefined;

  /** Further paths, such as `/metrics`: guarded as the rest is, and with `Authorization: Bearer` for those who are no browser. */
  readonly routes?: Readonly<Record<string, Route>> | undefined;

  /** Called with each url that signs a browser in: at once, and when one was used up. */
  readonly onSignInUrl?: ((url: string) => void) | undefined;

  /** What timers go by. Default: the system's. */
  readonly clock?: Clock | undefined;
}

const defaultPort = 7379;

const shortestToken = 16;

/** Throws `INVALID_ARGUMENT` for what cannot be meant. */
export function checkDashboardOptions(options: DashboardOptions): {
  readonly host: string;
  readonly port: number;
  readonly guarded: boolean;
} {
  const { host = "127.0.0.1", port = defaultPort, token, allowHosts = [] } = options;
  if (host === "") refuse("host", "must not be empty; leave it out for loopback only");
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    refuse("port", `${shown(port)} is none: use 1 to 65535, or 0 for any that is free`);
  }
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    refuse("token", "must be one word of visible ASCII characters");
  }
  if (token !== undefined && token.length < shortestToken) {
    refuse("token", `is too easy to guess: use at least ${shortestToken} characters`);
  }
  for (const name of allowHosts) {
    if (/^[^\s/@?#\\,*]+$/.test(name)) continue;
    refuse("allowHosts", `${shown(name)} is no name: write it like "dash.example.com"`);
  }
  // Behind a proxy it is as open as that, wherever it listens itself.
  const guarded = token !== undefined || !isLoopback(host) || allowHosts.length > 0;
  return { host, port, guarded };
}
