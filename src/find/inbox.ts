import type { HostEvent } from "./host-event.ts";
import type { Mirror } from "./mirror.ts";

/** What a mirror has told and one reader has not taken yet, merged so that it stays small. */
export interface Inbox<T> {
  /** The mirror's first reading is in; nothing is put in before. */
  listed(mirror: Mirror): void;

  changed(events: readonly HostEvent[]): void;

  /** The next thing to tell, or undefined when there is nothing new. */
  take(): T | undefined;

  /** Lets go of everything. */
  clear(): void;
}
