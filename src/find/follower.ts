import type { HostEvent } from "./host-event.ts";
import type { Mirror } from "./mirror.ts";

/** Told by a mirror, always after the mirror itself has changed. */
export interface Follower {
  /** The first reading is in; told at once to one that comes later. Nothing is told before. */
  listed(mirror: Mirror): void;

  /** What happened at one moment: to these hosts, or (without any) to the info or the freshness. */
  changed(events: readonly HostEvent[]): void;

  /** The service could not be read or followed; the mirror tries again by itself, for ever. */
  failed(error: Error): void;

  /** The mirror has ended; nothing is told after this. */
  closed(): void;
}
