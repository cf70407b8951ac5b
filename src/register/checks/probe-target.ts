import { urlHostname } from "../../model/hostname.ts";
import type { HostRecord } from "../../model/record.ts";
import { quote, refuse } from "../../model/refuse.ts";
import type { Probe } from "./health-check.ts";

/** Where a probe goes. */
export interface ProbeTarget {
  /** As sockets want it: in ASCII, IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;

  /** Whether to speak TLS. */
  readonly secure: boolean;

  /** `hostname:port`, IPv6 in brackets. */
  readonly address: string;
}

/** The names of ports to look for when none is given, the first choice first. */
const schemes: Readonly<Record<Probe["type"], readonly [string, ...string[]]>> = {
  http: ["http", "https"],
  tcp: ["http", "https"],
  grpc: ["grpc", "grpcs", "http", "https"],
};

/** Where a probe of this host goes now. Throws `INVALID_ARGUMENT` if the host does not have the port. */
export function targetOf(probe: Probe, record: HostRecord): ProbeTarget {
  const isPublic = probe.face === "public";
  const face = isPublic
    ? { hostname: record.hostname, ports: record.ports }
    : { hostname: record.privateHostname, ports: record.privatePorts };
  const scheme =
    probe.scheme ??
    (probe.port === undefined ? schemeOf(probe, face.ports) : schemes[probe.type][0]);
  const given = probe.hostname ?? face.hostname;
  const written = urlHostname(given) ?? given;
  const port = probe.port ?? portOf(scheme, face.ports, isPublic);
  return {
    hostname: given.includes(":") ? given : written,
    port,
    secure: scheme === "https" || scheme === "grpcs" || ("tls" in probe && probe.tls !== undefined),
    address: `${written}:${port}`,
  };
}

function schemeOf({ type }: Probe, ports: HostRecord["ports"]): string {
  const names = Object.keys(ports);
  const known = schemes[type].find((name) => ports[name] !== undefined);
  if (known !== undefined) return known;
  const [only, another] = names;
  if (only !== undefined && another === undefined) return only;
  const wanted = schemes[type].map(quote).join(" or ");
  refuse("check.scheme", `name the port, as the host has no ${wanted}; it has ${listed(names)}`);
}

function portOf(scheme: string, ports: HostRecord["ports"], isPublic: boolean): number {
  const port = ports[scheme];
  if (port !== undefined) return Number(port);
  const kind = isPublic ? "public" : "private";
  refuse(
    "check.scheme",
    `the host has no ${kind} port ${quote(scheme)}; it has ${listed(Object.keys(ports))}`,
  );
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.map(quote).join(", ");
}
