import type { Show } from "./filter.ts";

/** What the page shows, as its address says: whoever is sent the address sees the same. */
export interface Place {
  readonly view: "services" | "hosts" | "log";

  /** Empty: all. */
  readonly service: string;
  readonly shard: string;
  readonly query: string;
  readonly show: Show;

  /** The key of the host that is looked at; empty: none. */
  readonly host: string;
}

const views = ["services", "hosts", "log"] as const;
const shows = ["all", "problems", "draining"] as const;

/** Of the part of an address from its `?` on. Whatever makes no sense counts as not there. */
export function placeOf(search: string): Place {
  const params = new URLSearchParams(search);
  const service = params.get("service") ?? "";
  const view = views.find((each) => each === params.get("view"));
  return {
    view: view ?? (service === "" ? "services" : "hosts"),
    service,
    shard: params.get("shard") ?? "",
    query: params.get("q") ?? "",
    show: shows.find((each) => each === params.get("show")) ?? "all",
    host: params.get("host") ?? "",
  };
}

/** The address of a place, from its `?` on; the shortest that says it. */
export function searchOf(place: Place): string {
  const params = new URLSearchParams();
  const usual = place.service === "" ? "services" : "hosts";
  if (place.view !== usual) params.set("view", place.view);
  if (place.service !== "") params.set("service", place.service);
  if (place.shard !== "") params.set("shard", place.shard);
  if (place.query !== "") params.set("q", place.query);
  if (place.show !== "all") params.set("show", place.show);
  if (place.host !== "") params.set("host", place.host);
  const search = params.toString();
  return search === "" ? "" : `?${search}`;
}
