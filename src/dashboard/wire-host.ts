import { createHash } from "node:crypto";
import type { Host } from "../model/host.ts";
import type { Service } from "../model/service.ts";
import { isSame, type Strings } from "../model/strings.ts";
import { hostNote, hostProblem } from "./host-problem.ts";
import { withoutSecrets } from "./without-secrets.ts";
import type { WireHost, WirePairs, WireService } from "./wire.ts";

/** Longer texts are cut: whatever can write to etcd could else fill the page's memory. */
const longest = 1_000;

/** As many ports, or as much metadata, as the page is given of one host. */
const mostPairs = 50;

/** An id that is longer is told apart by its hash. */
const longestId = 300;

/** The key of a host among those of all services. */
export function hostKeyOf(host: Host): string {
  const { serviceName, uuid } = host;
  if (uuid.length <= longestId) return `${serviceName}/${uuid}`;
  const hash = createHash("sha256").update(uuid).digest("hex").slice(0, 16);
  return `${serviceName}/${uuid.slice(0, longestId).toWellFormed()}…${hash}`;
}

/** What people call a host. */
export function hostName(host: Host): string {
  return cut(host.toString() || host.uuid);
}

/**
 * A host as the page is given it: field by field, so that what signs in stays here.
 *
 * @param since when it came; undefined if it was there before
 */
export function wireHost(host: Host, since: number | undefined): WireHost {
  const { hostname, ports, privateHostname, privatePorts, shard } = host;
  const twoFaces =
    privateHostname !== "" && (privateHostname !== hostname || !isSame(ports, privatePorts));
  const problem = hostProblem(host);
  return {
    key: hostKeyOf(host),
    service: host.serviceName,
    uuid: cut(host.uuid),
    hostname: hostname === "" ? undefined : cut(hostname),
    ports: pairsOf(ports),
    privateHostname: twoFaces ? cut(privateHostname) : undefined,
    privatePorts: twoFaces ? pairsOf(privatePorts) : undefined,
    public: host.public || undefined,
    critical: host.critical || undefined,
    draining: host.draining || undefined,
    shard: shard === "" ? undefined : cut(shard),
    weight: host.weight === 1 ? undefined : host.weight,
    metadata: metadataOf(host),
    since,
    problem: problem === undefined ? undefined : cut(problem),
    note: problem === undefined ? hostNote(host) : undefined,
  };
}

/** What the hosts of a service share, without what signs in. */
export function wireService(
  name: string,
  info: Service | undefined,
  trust: { readonly stale: boolean; readonly error: string | undefined },
): WireService {
  return {
    name,
    critical: info?.critical || undefined,
    public: info?.public || undefined,
    hostname: info === undefined || info.hostname === "" ? undefined : cut(info.hostname),
    ports: info && pairsOf(info.ports),
    stale: trust.stale || undefined,
    error: trust.error === undefined ? undefined : cut(trust.error),
  };
}

function metadataOf(host: Host): WirePairs | undefined {
  const pairs = Object.entries(host.metadata).slice(0, mostPairs);
  if (pairs.length === 0) return undefined;
  return pairs.map(([name, value]): [string, string] => [
    cut(name),
    cut(withoutSecrets(name, value, host.password)),
  ]);
}

function pairsOf(strings: Strings): WirePairs | undefined {
  const entries = Object.entries(strings).slice(0, mostPairs);
  if (entries.length === 0) return undefined;
  return entries.map(([name, value]): [string, string] => [cut(name), cut(value)]);
}

function cut(text: string): string {
  return text.length > longest ? `${text.slice(0, longest).toWellFormed()}…` : text;
}
