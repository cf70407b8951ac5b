import type { HealthCheck, Probe } from "../../../register/checks/health-check.ts";
import { milliseconds } from "../../connection-flags.ts";
import { UsageError } from "../../usage-error.ts";
import { numberFrom } from "./host-from-flags.ts";
import type { RegisterFlags } from "./register-flags.ts";

/** The health check that flags stand for; undefined: none. Throws a `UsageError`. */
export function checkFromFlags(flags: RegisterFlags): HealthCheck | undefined {
  const { check, checkInterval, checkTimeout, checkFall, checkRise } = flags;
  const timing = {
    intervalMs: optional("--check-interval", checkInterval, milliseconds),
    timeoutMs: optional("--check-timeout", checkTimeout, milliseconds),
    fall: optional("--check-fall", checkFall, numberFrom),
    rise: optional("--check-rise", checkRise, numberFrom),
  };
  if (check !== undefined) return { ...probeFrom(check), ...timing };
  if (Object.values(timing).some((value) => value !== undefined)) {
    throw new UsageError("--check-… says how to check: give --check, too, such as --check /health");
  }
  return undefined;
}

function optional<T>(
  flag: string,
  text: string | undefined,
  read: (flag: string, text: string) => T,
): T | undefined {
  return text === undefined ? undefined : read(flag, text);
}

const defaultPorts: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** A URL says where to look. Without one it is the host's own private face. */
function probeFrom(text: string): Probe {
  if (text.startsWith("/")) return { type: "http", path: text };
  if (text === "tcp" || text === "grpc") return { type: text };
  if (!URL.canParse(text)) refused(text);
  const {
    hostname: host,
    password,
    pathname,
    port: given,
    protocol,
    search,
    username,
  } = new URL(text);
  if (username !== "" || password !== "") {
    throw new UsageError("--check cannot have a user or password in it: arguments are seen by all");
  }
  const scheme = protocol.slice(0, -1);
  const hostname = host.replace(/^\[(.*)\]$/, "$1");
  const port = given === "" ? defaultPorts[scheme] : Number(given);
  if (hostname === "" || port === undefined) refused(text);
  const path = pathname.replace(/^\//, "");
  switch (scheme) {
    case "http":
    case "https":
      return { type: "http", scheme, hostname, port, path: pathname + search };
    case "tcp":
      if (path !== "") refused(text);
      return { type: "tcp", hostname, port };
    case "grpc":
    case "grpcs":
      return { type: "grpc", scheme, hostname, port, service: path };
    default:
      refused(text);
  }
}

function refused(text: string): never {
  const shown = text.replace(/\/\/[^/?#]*@/, "//…@");
  throw new UsageError(
    `--check "${shown}": it must be such as http://127.0.0.1:8080/health, tcp://127.0.0.1:6379, grpc://127.0.0.1:50051/my.Service, /health, tcp or grpc`,
  );
}
