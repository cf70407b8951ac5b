import { ServerCredentials } from "@grpc/grpc-js";
import {
  optionalMilliseconds,
  optionalSignal,
  optionsBag,
  type WaitOptions,
} from "../../arguments.ts";
import { type HostOptions, prepareHost } from "../../model/host-options.ts";
import { checkSettings } from "../../register/checks/check-settings.ts";
import type { HealthCheck } from "../../register/checks/health-check.ts";
import { kindOf, refuse, shown } from "../../model/refuse.ts";

/** How a server is bound and registered, and how it leaves unless `leave()` is told otherwise. */
export interface RegisterServerOptions extends Omit<LeaveOptions, "signal"> {
  /** Where it listens, as `bindAsync` takes it. Default: `0.0.0.0:0`, a port that the system picks. */
  readonly address?: string | undefined;

  /** Default: `ServerCredentials.createInsecure()`. */
  readonly credentials?: ServerCredentials | undefined;

  /** What its port is called among those of the host. Default: `grpc`. */
  readonly port?: string | undefined;

  /** All else that the host says of itself. A port of that name given here is kept: it is what clients see of a server behind something else. */
  readonly host?: HostOptions | undefined;

  /** How the host finds out whether it is well, as for `discovery.register`. Default: no check. */
  readonly check?: HealthCheck | undefined;

  /** Ends the registration, and not the server: the same as `registration.unregister()`. Before it is bound, rejects. */
  readonly signal?: AbortSignal | undefined;
}

/** How a server leaves. */
export interface LeaveOptions extends WaitOptions {
  /** How long it stays listed as draining, in milliseconds: gives clients time to see it. Default: 5,000. */
  readonly delayMs?: number | undefined;

  /** How long calls that are under way may take to end after that, in milliseconds; then they are broken off. Default: 10,000. */
  readonly graceMs?: number | undefined;
}

export interface ServerSettings {
  readonly address: string;
  readonly credentials: ServerCredentials;
  readonly host: (boundPort: number) => HostOptions;
  readonly check: HealthCheck | undefined;
  readonly signal: AbortSignal | undefined;
  readonly leaving: LeaveSettings;
}

/** How a server leaves. */
export type LeaveSettings = Readonly<Record<"delayMs" | "graceMs", number>>;

/** Throws `INVALID_ARGUMENT`, naming the field, also for what registering would refuse later. */
export function checkServerOptions(
  service: string,
  options: RegisterServerOptions | undefined,
): ServerSettings {
  const bag = optionsBag(options, {
    ...{ address: true, credentials: true, port: true, host: true, signal: true },
    ...{ delayMs: true, graceMs: true, check: true },
  });
  const { address = "0.0.0.0:0", port = "grpc", host = {} } = bag;
  const { credentials = ServerCredentials.createInsecure() } = bag;
  if (typeof address !== "string" || address === "") {
    refuse("address", `must be one such as "0.0.0.0:50051", not ${shown(address)}`);
  }
  if (address.startsWith("unix:") || address.startsWith("unix-abstract:")) {
    refuse("address", "is a Unix socket, which has no port that others could call; bind to one");
  }
  if (typeof port !== "string") refuse("port", `must be the name of a port, not ${shown(port)}`);
  if (!(credentials instanceof ServerCredentials)) {
    refuse("credentials", `must be ServerCredentials of @grpc/grpc-js, not ${kindOf(credentials)}`);
  }
  const withPort = (boundPort: number): HostOptions => hostOf(host, port, boundPort);
  checkSettings(bag.check, prepareHost(service, withPort(1)).record);
  const leaving = leaveSettings(bag, { delayMs: 5_000, graceMs: 10_000 });
  const { check } = bag;
  const signal = optionalSignal(bag.signal);
  return { address, credentials, host: withPort, check, signal, leaving };
}

/** Both faces of a public host have the port, and the one of a private host. */
function hostOf(host: HostOptions, name: string, boundPort: number): HostOptions {
  if (typeof host !== "object" || host === null) return host;
  const bound = { [name]: boundPort };
  const ports = { ...bound, ...host.ports };
  const { privatePorts } = host;
  if (privatePorts !== undefined)
    return { ...host, ports, privatePorts: { ...bound, ...privatePorts } };
  return host.public === true
    ? { ...host, ports, privatePorts: { ...ports, ...bound } }
    : { ...host, ports };
}

/** Throws `INVALID_ARGUMENT`, naming the field. */
export function checkLeaveOptions(
  options: LeaveOptions | undefined,
  otherwise: LeaveSettings,
): LeaveSettings & { readonly signal: AbortSignal | undefined } {
  const bag = optionsBag(options, { delayMs: true, graceMs: true, signal: true });
  return { ...leaveSettings(bag, otherwise), signal: optionalSignal(bag.signal) };
}

function leaveSettings(
  { delayMs, graceMs }: Omit<LeaveOptions, "signal">,
  otherwise: LeaveSettings,
): LeaveSettings {
  return {
    delayMs: optionalMilliseconds("delayMs", delayMs, 0) ?? otherwise.delayMs,
    graceMs: optionalMilliseconds("graceMs", graceMs, 0) ?? otherwise.graceMs,
  };
}
