import { computed, effect, type ReadonlySignal } from "@preact/signals";
import type { WireHost } from "../wire.ts";
import { filterHosts, passes, wordsOf } from "./filter.ts";
import { place } from "./navigation.ts";
import { type ServiceSummary, summarise } from "./service-summary.ts";
import { all, slowNow } from "./store.ts";

/** All services, the worst first. */
export const summaries: ReadonlySignal<readonly ServiceSummary[]> = computed(() =>
  summarise(all.value.known, slowNow.value),
);

/** The hosts that the place asks for, the worst first. */
export const shownHosts: ReadonlySignal<readonly WireHost[]> = computed(() =>
  filterHosts(all.value.known.sortedHosts, place.value),
);

/** A service, and how many of its hosts pass the filter. */
export interface ShownService {
  readonly summary: ServiceSummary;
  readonly passing: number;
}

/** The services that the place asks for, the worst first. */
export const shownServices: ReadonlySignal<readonly ShownService[]> = computed(() => {
  const { query, show } = place.value;
  const words = wordsOf(query);
  const passing = new Map<string, number>();
  if (words.length > 0) {
    const filter = { ...place.value, service: "", shard: "", show: "all" } as const;
    for (const host of all.value.known.hosts.values()) {
      if (passes(host, filter, words)) {
        passing.set(host.service, (passing.get(host.service) ?? 0) + 1);
      }
    }
  }
  return summaries.value.flatMap((summary): ShownService[] => {
    const { service, hosts, draining, health } = summary;
    const named = words.every((word) => service.name.toLowerCase().includes(word));
    const count = named ? hosts : (passing.get(service.name) ?? 0);
    if (!named && count === 0) return [];
    if (show === "draining" && draining === 0) return [];
    if (show === "problems" && health.level !== "bad" && health.level !== "warn") return [];
    return [{ summary, passing: count }];
  });
});

effect(() => {
  const bad = summaries.value.filter(({ health }) => health.level === "bad").length;
  document.title = bad === 0 ? "etcd-discovery" : `(${bad}) etcd-discovery`;
});
