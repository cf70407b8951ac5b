import type { WireHost, WirePairs, WireState } from "../wire.ts";
import { hostInUrl } from "./host-in-url.ts";

/** A time span in its largest unit, such as `12 s` or `3 h`. */
export function spanWords(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

/** How many there are of something, such as `1 host`. */
export function countWords(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A time of day, and the date if it was another day. */
export function timeWords(at: number, now: number): string {
  const time = new Date(at);
  const clock = time.toTimeString().slice(0, 8);
  if (time.toDateString() === new Date(now).toDateString()) return clock;
  const two = (number: number) => String(number).padStart(2, "0");
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock}`;
}

/** How long a host has been there: of one that was there before the dashboard, at least so long. */
export function ageWords(host: WireHost, watchingSince: number, now: number): string {
  if (host.since !== undefined) return spanWords(now - host.since);
  return `> ${spanWords(now - watchingSince)}`;
}

/** A hostname with its ports, such as `node-1:8080`; several are named by their schemes. */
export function addressWords(hostname: string | undefined, ports: WirePairs | undefined): string {
  const name = hostInUrl(hostname ?? "");
  const [only, ...more] = ports ?? [];
  if (only === undefined) return name;
  if (more.length === 0) return `${name}:${only[1]}`;
  return `${name} ${(ports ?? []).map(([scheme, port]) => `${scheme}:${port}`).join(" ")}`;
}

/** The addresses of a host, each empty if it has none of that kind. */
export function addressesOf(host: WireHost): { readonly outside: string; readonly inside: string } {
  const own = addressWords(host.hostname, host.ports);
  const inside =
    host.privateHostname === undefined
      ? own
      : addressWords(host.privateHostname, host.privatePorts ?? host.ports);
  return { outside: host.public ? own : "", inside };
}

/** What there is between the page and etcd. */
export interface Link {
  /** Whether the page hears from the dashboard. */
  readonly connected: boolean;

  /** When it heard something last, in milliseconds since 1970 by the server; 0: never. */
  readonly heardAt: number;
  readonly state: WireState | undefined;
}

/** What is to be known before the rest is believed; undefined if all of it is live. */
export function banner({ connected, heardAt, state }: Link, now: number): string | undefined {
  if (state === undefined || heardAt === 0) return connected ? undefined : "Connecting…";
  if (!connected) {
    const ago = spanWords(now - heardAt);
    return `As of ${timeWords(heardAt, now)}: the dashboard itself has not been heard of for ${ago}. Trying again.`;
  }
  const { source, since, error, denied } = state;
  const why = error === undefined ? "" : ` (${error})`;
  const ago = spanWords(now - (since ?? now));
  if (denied && source !== "live") {
    return `etcd refuses, for ${ago}${why}: what is shown here is old, or nothing.`;
  }
  switch (source) {
    case "live":
      return undefined;
    case "none":
      return `etcd has not answered yet, for ${ago}${why}: nothing is known.`;
    case "stale":
      return `As of ${timeWords(since ?? now, now)}, etcd away ${ago}: hosts may have come or gone since${why}.`;
  }
}

/** The same in a few words that stay the same as long as it lasts. */
export function troubleWords({ connected, state }: Link): string {
  if (!connected) return "the dashboard cannot be reached";
  if (state?.denied) return "etcd refuses";
  return state?.source === "stale" ? "etcd is away" : "etcd has not answered yet";
}
