import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "../async/clock.ts";
import { DiscoveryError } from "../errors.ts";
import { AllowedHosts, hostInUrl, isWildcard, machineAddresses } from "./allowed-hosts.ts";
import { checkDashboardOptions, type DashboardOptions } from "./dashboard-options.ts";
import { EventHub } from "./event-hub.ts";
import { readPageFiles } from "./page-files.ts";
import { handle, type Site } from "./request-handler.ts";
import { SignIn } from "./sign-in.ts";

export type { DashboardOptions } from "./dashboard-options.ts";

/** A dashboard that is being served. */
export interface Dashboard extends AsyncDisposable {
  /** Where it is, such as `http://127.0.0.1:7379/`. */
  readonly url: string;

  /** Stops serving, at once: whoever looks is cut off. Idempotent, never rejects. */
  close(): Promise<void>;
}

/**
 * Serves a page that shows all services of a catalogue and is told of every change. It can only be looked
 * at, and no password leaves this process by it. It keeps the process alive until it is closed.
 *
 * Throws `INVALID_ARGUMENT` for an option that is refused, also for an address that cannot be listened on,
 * and `UNAVAILABLE` if the package was not built.
 */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { host, port: wanted, guarded } = checkDashboardOptions(options);
  const { catalogue, endpoint, clock = systemClock } = options;
  const files = await readPageFiles();
  // A sign-in is a few bytes: whoever takes longer is no browser.
  const server = createServer({ requestTimeout: 10_000 });
  await listening(server, host, wanted);
  const { port } = server.address() as AddressInfo;
  const url = `http://${hostInUrl(reachableAt(host))}:${port}/`;
  const cookie = `etcd-discovery-${port}`;
  const tell = (token: string) => options.onSignInUrl?.(`${url}#token=${token}`);
  if (options.token !== undefined) options.onSignInUrl?.(url);
  const hub = new EventHub(catalogue, { clock, endpoint });
  const site: Site = {
    allowed: new AllowedHosts(host, port, options.allowHosts ?? []),
    files,
    hub,
    cookie,
    signIn: guarded ? new SignIn({ cookie, token: options.token, generated: tell }) : undefined,
    routes: new Map(Object.entries(options.routes ?? {})),
  };
  server.on("request", (request, response) => void handle(request, response, site));
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= new Promise((resolve) => {
      hub.close();
      server.close(() => resolve());
      server.closeAllConnections();
    });
    return closed;
  };
  return { url, close, [Symbol.asyncDispose]: close };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(new DiscoveryError("INVALID_ARGUMENT", listenProblem(cause, host, port), { cause }));
    });
    server.listen({ host, port }, () => {
      server.removeAllListeners("error");
      // Such as a connection that could not be accepted for want of file descriptors.
      server.on("error", () => {});
      resolve();
    });
  });
}

function listenProblem(cause: NodeJS.ErrnoException, host: string, port: number): string {
  const { code = cause.message } = cause;
  if (code === "EADDRINUSE") {
    return `port: ${port} is taken on ${host}; use another one, or 0 for any that is free`;
  }
  if (code === "EACCES") {
    return `port: ${port} may not be listened on by this user; use one above 1023`;
  }
  return `host: ${host} cannot be listened on (${code}); use an address of this machine`;
}

/** An address that leads to a server that listens there. */
function reachableAt(host: string): string {
  if (!isWildcard(host)) return host;
  const outside = machineAddresses().find((address) => /^(?!127\.)\d+(\.\d+){3}$/.test(address));
  return outside ?? "127.0.0.1";
}
