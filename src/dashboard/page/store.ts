import { computed, type ReadonlySignal, signal, type Signal } from "@preact/signals";
import type { WirePing, WireReset, WireState, WireUpdate } from "../wire.ts";
import { Known } from "./known.ts";
import type { Link } from "./words.ts";

/** The time by the server's clock, in milliseconds since 1970; it moves on every second. */
export const now: Signal<number> = signal(Date.now());

/** As {@link now}, for what is not worth a look every second. */
export const slowNow: ReadonlySignal<number> = computed(
  () => Math.floor(now.value / 5_000) * 5_000,
);
export const watchingSince: Signal<number> = signal(0);
export const link: Signal<Link> = signal({ connected: false, heardAt: 0, state: undefined });

/** Whether all there is was told once. */
export const loaded: Signal<boolean> = signal(false);

let known = new Known();
let coming: Known | undefined;
let clockAhead = 0;

/** All that is known. */
export const all: Signal<{ readonly known: Known }> = signal({ known });

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

setInterval(() => {
  now.value = Date.now() + clockAhead;
}, 1_000);
function heard(at: number, state: WireState | undefined): void {
  clockAhead = at - Date.now();
  link.value = { connected: true, heardAt: at, state: state ?? link.value.state };
  now.value = at;
}

/** At once, as the server puts together what comes close upon each other. */
function draw(): void {
  all.value = { known };
}
