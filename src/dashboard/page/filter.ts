import type { WireHost, WirePairs } from "../wire.ts";

/** Which hosts are looked at. */
export interface HostFilter {
  /** Words that must all be found; `shard:a`, `service:api`, `state:draining` and `version=2` are words, too. */
  readonly query: string;
  readonly show: Show;

  /** Empty: of all services. */
  readonly service: string;

  /** Empty: of all shards. */
  readonly shard: string;
}

export type Show = "all" | "problems" | "draining";

const texts = new WeakMap<WireHost, string>();

/** What a host can be found by, in lower case. */
function searchText(host: WireHost): string {
  let text = texts.get(host);
  if (text === undefined) {
    text = [
      `service:${host.service}`,
      host.uuid,
      host.hostname ?? "",
      host.privateHostname ?? "",
      `shard:${host.shard ?? ""}`,
      `state:${stateWord(host)}`,
      host.public ? "public" : "private",
      host.critical ? "critical" : "",
      ...pairTexts(host.ports, ":"),
      ...pairTexts(host.privatePorts, ":"),
      ...pairTexts(host.metadata, "="),
    ]
      .join("\n")
      .toLowerCase();
    texts.set(host, text);
  }
  return text;
}

/** The words of a query. */
export function wordsOf(query: string): readonly string[] {
  return query.toLowerCase().split(/\s+/).filter(Boolean);
}

/** Those hosts that pass, in their order. */
export function filterHosts(hosts: readonly WireHost[], filter: HostFilter): readonly WireHost[] {
  const words = wordsOf(filter.query);
  return hosts.filter((host) => passes(host, filter, words));
}

/** @param words those of the filter's query */
export function passes(host: WireHost, filter: HostFilter, words: readonly string[]): boolean {
  if (filter.service !== "" && host.service !== filter.service) return false;
  if (filter.shard !== "" && host.shard !== filter.shard) return false;
  if (filter.show === "draining" && !host.draining) return false;
  if (filter.show === "problems" && host.problem === undefined) return false;
  if (words.length === 0) return true;
  const text = searchText(host);
  return words.every((word) => text.includes(word));
}

/** What people call a host: all public hosts of a service may have one public hostname. */
export function nameOf(host: WireHost): string {
  return host.privateHostname ?? host.hostname ?? host.uuid;
}

function stateWord(host: WireHost): string {
  if (host.problem !== undefined) return "problem";
  return host.draining ? "draining" : "up";
}

function pairTexts(pairs: WirePairs | undefined, between: string): string[] {
  return (pairs ?? []).map(([name, value]) => `${name}${between}${value}`);
}
