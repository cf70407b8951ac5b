import { computed, effect, type ReadonlySignal, signal, type Signal } from "@preact/signals";
import type { WireHost, WirePing, WireReset, WireState, WireUpdate } from "../wire.ts";
import { filterHosts, passes, wordsOf } from "./filter.ts";
import { Known } from "./known.ts";
import { type Place, placeOf, searchOf } from "./place.ts";
import { type ServiceSummary, summarise } from "./service-summary.ts";
import type { Link } from "./words.ts";

/** Where the page is; every part of it looks here. */
export const place: Signal<Place> = signal(placeOf(location.search));

/** The time by the server's clock, in milliseconds since 1970; it moves on every second. */
export const now: Signal<number> = signal(Date.now());

/** As {@link now}, for what is not worth a look every second. */
export const slowNow: ReadonlySignal<number> = computed(
  () => Math.floor(now.value / 5_000) * 5_000,
);
export const watchingSince: Signal<number> = signal(0);
export const link: Signal<Link> = signal({ connected: false, heardAt: 0, state: undefined });

/** Undefined: not known yet. */
export const signedIn: Signal<boolean | undefined> = signal(undefined);

/** Why the last attempt to sign in failed; empty: it did not. */
export const signInProblem: Signal<string> = signal("");

/** Whether all there is was told once. */
export const loaded: Signal<boolean> = signal(false);

let known = new Known();
let coming: Known | undefined;
let clockAhead = 0;
let frame = 0;

/** All that is known, as of the last frame. */
export const all: Signal<{ readonly known: Known }> = signal({ known });

export const summaries: ReadonlySignal<readonly ServiceSummary[]> = computed(() =>
  summarise(all.value.known, slowNow.value),
);

/** The hosts that the place asks for, the worst first. */
export const shownHosts: ReadonlySignal<readonly WireHost[]> = computed(() =>
  filterHosts(all.value.known.hosts.values(), place.value),
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

/** Takes in an event of the server. */
export function takeReset({ now, watchingSince: since, state }: WireReset): void {
  coming = new Known();
  heard(now, state);
  watchingSince.value = since;
}

export function takeUpdate(update: WireUpdate): void {
  (coming ?? known).apply(update);
  heard(update.now, update.state);
  if (coming === undefined) draw();
}

export function takeReady({ now, state }: WirePing): void {
  known = coming ?? known;
  coming = undefined;
  heard(now, state);
  draw();
  loaded.value = true;
}

export function takePing({ now, state }: WirePing): void {
  heard(now, state);
}

/** The page does not hear from the dashboard for now. */
export function takeLoss(): void {
  if (link.value.connected) link.value = { ...link.value, connected: false };
}

/** Goes to another place; with `push` the way back leads to this one. */
export function go(
  changes: Partial<Place>,
  { push = true }: { readonly push?: boolean } = {},
): void {
  const next = { ...place.value, ...changes };
  if (searchOf(next) === searchOf(place.value)) return;
  setAddress(searchOf(next) || location.pathname, push);
  const another = next.view !== place.value.view || next.service !== place.value.service;
  place.value = next;
  if (another) scrollTo({ top: 0, behavior: "instant" });
}

function setAddress(url: string, push: boolean): void {
  try {
    if (push) history.pushState(null, "", url);
    else history.replaceState(null, "", url);
  } catch {
    // Some browsers allow only so many a minute, as when somebody types fast; the next one says it all.
  }
}

/** The address of another place, for a link. */
export function linkTo(changes: Partial<Place>): string {
  return searchOf({ ...place.value, ...changes }) || "?";
}

addEventListener("popstate", () => {
  place.value = placeOf(location.search);
});
setInterval(() => {
  now.value = Date.now() + clockAhead;
}, 1_000);
effect(() => {
  const bad = summaries.value.filter(({ health }) => health.level === "bad").length;
  document.title = bad === 0 ? "etcd-discovery" : `(${bad}) etcd-discovery`;
});

function heard(at: number, state: WireState | undefined): void {
  clockAhead = at - Date.now();
  link.value = { connected: true, heardAt: at, state: state ?? link.value.state };
  now.value = at;
}

/** Once a frame, however much comes. */
function draw(): void {
  if (frame !== 0) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    all.value = { known };
  });
}
