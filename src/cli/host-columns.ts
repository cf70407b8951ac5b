import type { Host } from "../model/host.ts";
import type { Columns } from "./output.ts";

/** What a table shows of a host. The service is on every line, so that lines can be searched for it. */
export const hostColumns: Columns<Host> = [
  ["SERVICE", ({ serviceName }) => serviceName],
  ["HOST", ({ uuid }) => uuid],
  ["PUBLIC", (host) => (host.public ? face(host.hostname, host.ports) : "")],
  ["PRIVATE", (host) => face(host.privateHostname || host.hostname, host.privatePorts)],
  ["SHARD", ({ shard }) => shard],
  ["STATE", ({ draining }) => (draining ? "draining" : "up")],
];

/** Such as `http://node-1.internal:8080,https://node-1.internal:8443`, without credentials. */
function face(hostname: string, ports: Readonly<Record<string, string>>): string {
  const name = hostname.includes(":") ? `[${hostname}]` : hostname;
  return Object.entries(ports)
    .map(([scheme, port]) => `${scheme}://${name}:${port}`)
    .join(",");
}

/** A host as JSON; its password only when that was asked for. */
export function hostValue(host: Host, showCredentials = false): object {
  const own: Record<string, unknown> = Object.fromEntries(Object.entries(host));
  const { serviceName: service, uuid, ...fields } = own;
  const value = { service, uuid, ...fields };
  return showCredentials ? { ...value, password: host.password } : value;
}
