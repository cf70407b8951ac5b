import type { WireLogEntry, WireService } from "../wire.ts";
import type { Health } from "./host-health.ts";
import { type Known } from "./known.ts";
import { rankOf } from "./host-health.ts";

/** A service with what its hosts come to. */
export interface ServiceSummary {
  readonly service: WireService;
  readonly critical: boolean;
  readonly hosts: number;
  readonly draining: number;

  /** How many cannot be called. */
  readonly broken: number;

  /** How many went without a word lately, and are not back. */
  readonly lost: number;

  /** Sorted. */
  readonly shards: readonly string[];
  readonly health: Health;
  readonly lastEntry: WireLogEntry | undefined;
}

/** How long a host that went without a word is worth a look. */
const lostMs = 600_000;

interface Count {
  critical: boolean;
  hosts: number;
  draining: number;
  broken: number;
  lost: number;
  readonly shards: Set<string>;
  lastEntry: WireLogEntry | undefined;
}

/** All services, the worst first, then by name. */
export function summarise(known: Known, now: number): ServiceSummary[] {
  const counts = countHosts(known);
  const seen = new Set<string>();
  for (const entry of known.log) {
    const count = counts.get(entry.service);
    if (count === undefined) continue;
    count.lastEntry ??= entry;
    if (seen.has(entry.key)) continue;
    seen.add(entry.key);
    const wordless = entry.type === "down" && entry.reason !== "unregistered";
    if (wordless && now - entry.at < lostMs && !known.hosts.has(entry.key)) count.lost += 1;
  }
  const summaries = Array.from(known.services.values(), (service): ServiceSummary => {
    const { shards, ...count } = counts.get(service.name) ?? newCount();
    const critical = service.critical === true || count.critical;
    const counted = { service, ...count, critical, shards: [...shards].sort() };
    return { ...counted, health: serviceHealth(counted) };
  });
  return summaries.sort(
    (one, other) =>
      rankOf(one.health.level) - rankOf(other.health.level) ||
      Number(other.critical) - Number(one.critical) ||
      (one.service.name < other.service.name ? -1 : 1),
  );
}

function countHosts(known: Known): Map<string, Count> {
  const counts = new Map<string, Count>();
  for (const name of known.services.keys()) counts.set(name, newCount());
  for (const host of known.hosts.values()) {
    const count = counts.get(host.service);
    if (count === undefined) continue;
    count.hosts += 1;
    if (host.critical) count.critical = true;
    if (host.draining) count.draining += 1;
    if (host.problem !== undefined) count.broken += 1;
    if (host.shard !== undefined) count.shards.add(host.shard);
  }
  return counts;
}

function newCount(): Count {
  return {
    critical: false,
    hosts: 0,
    draining: 0,
    broken: 0,
    lost: 0,
    shards: new Set(),
    lastEntry: undefined,
  };
}

/** A service is as bad as its hosts. */
function serviceHealth(summary: Omit<ServiceSummary, "health">): Health {
  const { service, critical, hosts, draining, broken, lost } = summary;
  if (hosts === 0 && critical) return { level: "bad", words: "Critical, and no host" };
  if (hosts > 0 && broken === hosts) return { level: "bad", words: "No host can be called" };
  if (broken > 0) return { level: "warn", words: `${broken} of ${hosts} cannot be called` };
  if (service.error !== undefined) {
    return { level: "warn", words: `Cannot be read: ${service.error}` };
  }
  if (lost > 0) return { level: "warn", words: `${lost} lost in the last 10 min` };
  if (hosts === 0) return { level: "off", words: "No host" };
  if (draining === hosts) return { level: "warn", words: "All hosts are draining" };
  if (draining > 0) return { level: "off", words: `${draining} draining` };
  return { level: "good", words: "Up" };
}
