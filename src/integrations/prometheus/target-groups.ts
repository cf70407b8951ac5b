import { isDiscoveryError } from "../../errors.ts";
import type { Host } from "../../model/host.ts";
import { metaLabel } from "./label-names.ts";

/** How hosts become targets. */
export interface TargetRules {
  readonly scheme: string | undefined;
  readonly private: boolean;

  /** The labels of metadata, by its names. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** What has become of the hosts in one answer. */
export interface TargetCounts {
  /** Became targets. */
  readonly listed: number;

  /** Have no port of that name. */
  readonly withoutPort: number;

  /** Have a hostname or a port that is none. */
  readonly malformed: number;
}

/** An entry of a list of targets as Prometheus wants it. */
interface TargetGroup {
  readonly targets: readonly [string];
  readonly labels: Readonly<Record<string, string>>;
}

/** The targets that hosts come to. One that would spoil the whole list is left out, and counted. */
export function targetGroups(
  hosts: Iterable<Host>,
  rules: TargetRules,
): { readonly groups: readonly TargetGroup[]; readonly counts: TargetCounts } {
  const groups: TargetGroup[] = [];
  const counts = { listed: 0, withoutPort: 0, malformed: 0 };
  for (const host of hosts) {
    try {
      groups.push({ targets: [addressOf(host, rules)], labels: labelsOf(host, rules) });
      counts.listed += 1;
    } catch (error) {
      if (isDiscoveryError(error, "UNKNOWN_SCHEME")) counts.withoutPort += 1;
      else if (isDiscoveryError(error, "MALFORMED_RECORD")) counts.malformed += 1;
      else throw error;
    }
  }
  return { groups, counts };
}

function addressOf(host: Host, { scheme, private: isPrivate }: TargetRules): string {
  return isPrivate ? host.privateAddress(scheme) : host.address(scheme);
}

function labelsOf(host: Host, rules: TargetRules): Record<string, string> {
  const labels: Record<string, string> = {
    [metaLabel("service")]: host.serviceName,
    [metaLabel("uuid")]: host.uuid,
    [metaLabel("port")]: portOf(host, rules),
    [metaLabel("shard")]: host.shard,
    [metaLabel("public")]: String(host.public),
    [metaLabel("critical")]: String(host.critical),
    [metaLabel("draining")]: String(host.draining),
    [metaLabel("weight")]: String(host.weight),
  };
  for (const [name, label] of rules.metadata) {
    const value = host.metadata[name];
    if (value !== undefined) labels[label] = value;
  }
  return labels;
}

/** The name of the port that the address is of. */
function portOf(host: Host, { scheme, private: isPrivate }: TargetRules): string {
  if (scheme !== undefined) return scheme;
  const ports = isPrivate && host.privateHostname !== "" ? host.privatePorts : host.ports;
  return ports["http"] === undefined ? "https" : "http";
}
