import { Buffer } from "node:buffer";
import type { DiscoveryOptions } from "./discovery-options.ts";
import { quote, refuse } from "./model/refuse.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The options that the `ETCD_*` variables stand for; an empty variable counts as absent.
 *
 * | variable | option |
 * |---|---|
 * | `ETCD_HOSTS` (comma separated), else `ETCD_HOST`, else `ETCD_1_PORT_2379_TCP_ADDR` and `_PORT`, else `http://localhost:2379` | `endpoints` |
 * | `ETCD_CACERT`, `ETCD_TLS_CERT`, `ETCD_TLS_KEY`: file names, or with `ETCD_TLS_INMEMORY=true` base64 of the PEM | `tls`; `http` endpoints become `https` |
 * | `ETCD_USERNAME`, `ETCD_PASSWORD` | `auth` |
 * | `ETCD_PREFIX` | `prefix` |
 * | `ETCD_API` (`2` or `3`) | `api` |
 *
 * Throws `INVALID_ARGUMENT` naming the variable.
 */
export function environmentOptions(environment: Environment = process.env): DiscoveryOptions {
  const tls = tlsOptions(environment);
  return {
    endpoints: endpoints(environment).map((endpoint) =>
      tls === undefined ? endpoint : secured(endpoint),
    ),
    tls,
    auth: auth(environment),
    prefix: environment["ETCD_PREFIX"] || undefined,
    api: api(environment),
  };
}

function endpoints(environment: Environment): string[] {
  const hosts = (environment["ETCD_HOSTS"] ?? "")
    .split(",")
    .map((host) => host.trim())
    .filter((host) => host !== "");
  if (hosts.length > 0) return hosts;
  const host = environment["ETCD_HOST"]?.trim();
  if (host) return [host];
  const address = environment["ETCD_1_PORT_2379_TCP_ADDR"];
  if (!address) return ["http://localhost:2379"];
  const hostname = address.includes(":") ? `[${address}]` : address;
  return [`http://${hostname}:${environment["ETCD_1_PORT_2379_TCP_PORT"] || "2379"}`];
}

function secured(endpoint: string): string {
  if (!endpoint.includes("://")) return `https://${endpoint}`;
  return endpoint.replace(/^http:/i, "https:");
}

function tlsOptions(environment: Environment): DiscoveryOptions["tls"] {
  const inMemory = environment["ETCD_TLS_INMEMORY"] === "true";
  const material = (variable: string) => {
    const value = environment[variable];
    if (!value) return undefined;
    if (!inMemory) return { file: value };
    const pem = Buffer.from(value, "base64");
    if (!pem.includes("-----BEGIN")) refuse(variable, "is not the base64 of a PEM");
    return pem;
  };
  const ca = material("ETCD_CACERT");
  const cert = material("ETCD_TLS_CERT");
  const key = material("ETCD_TLS_KEY");
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  if (cert === undefined && key !== undefined) {
    refuse("ETCD_TLS_CERT", "is missing beside ETCD_TLS_KEY; set both or none");
  }
  if (key === undefined && cert !== undefined) {
    refuse("ETCD_TLS_KEY", "is missing beside ETCD_TLS_CERT; set both or none");
  }
  return { ca, cert, key };
}

function auth(environment: Environment): DiscoveryOptions["auth"] {
  const username = environment["ETCD_USERNAME"];
  const password = environment["ETCD_PASSWORD"];
  if (!username && !password) return undefined;
  if (!username) refuse("ETCD_USERNAME", "is missing beside ETCD_PASSWORD; set both or none");
  if (!password) refuse("ETCD_PASSWORD", "is missing beside ETCD_USERNAME; set both or none");
  return { username, password };
}

function api(environment: Environment): 2 | 3 | undefined {
  const value = environment["ETCD_API"];
  if (!value) return undefined;
  if (value === "2") return 2;
  if (value === "3") return 3;
  return refuse("ETCD_API", `must be 2 or 3, not ${quote(value)}`);
}
