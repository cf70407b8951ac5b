import type { WireHost } from "../wire.ts";

/** What a colour means: `bad` is a fault (red), `warn` may become one (amber), `off` is on purpose (grey), `good` is well (green). */
export type Level = "bad" | "warn" | "off" | "good";

/** How something is, for eyes and for ears. */
export interface Health {
  readonly level: Level;
  readonly words: string;
}

/** How a host is, as far as its record tells: one that fails its own check is not there at all. */
export function hostHealth(host: WireHost): Health {
  if (host.problem !== undefined) {
    return { level: "bad", words: `Cannot be called: ${host.problem}` };
  }
  if (host.draining) return { level: "off", words: "Draining" };
  return { level: "good", words: host.note === undefined ? "Up" : `Up (${host.note})` };
}

const ranks: Readonly<Record<Level, number>> = { bad: 0, warn: 1, off: 2, good: 3 };

/** The worst first. */
export function rankOf(level: Level): number {
  return ranks[level];
}
