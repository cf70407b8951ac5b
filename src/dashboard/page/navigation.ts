import { signal, type Signal } from "@preact/signals";
import { type Place, placeOf, searchOf } from "./place.ts";

/** Where the page is; every part of it looks here. */
export const place: Signal<Place> = signal(placeOf(location.search));

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
