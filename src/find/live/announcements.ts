import type { Logger } from "../../logger.ts";
import type { Host } from "../../model/host.ts";
import type { Freshness } from "../freshness.ts";
import { Listeners } from "./listeners.ts";

/** What a live pool tells its listeners, by event. */
export interface LivePoolEvents {
  /** The hosts of the pool are these now. */
  hosts: readonly Host[];

  /** Picks are made from these now: hosts came or went, are draining, were ejected, or are back. */
  pickable: readonly Host[];

  /** Contact with etcd was lost, or is back. */
  freshness: Freshness;

  /** The pool has ended, and tells nothing any more. */
  closed: undefined;
}

/** What there is to be told while the pool is there. */
type Told = Omit<LivePoolEvents, "closed">;

const names = ["hosts", "pickable", "freshness", "closed"] as const;

/** Tells listeners what is different from what they were told before, or from how it was when the first of them came. */
export class Announcements extends Listeners<LivePoolEvents> {
  #told: Told | undefined;

  constructor(logger: Logger, service: string) {
    super(names, logger, { service });
  }

  /** So it is before the next change. */
  begin(now: Told): void {
    this.#told ??= now;
  }

  tell(now: Told): void {
    const told = this.#told;
    this.#told = now;
    const { freshness, hosts, pickable } = now;
    if (told?.hosts !== hosts) this.emit("hosts", hosts);
    if (told?.pickable !== pickable) this.emit("pickable", pickable);
    if (told?.freshness.source !== freshness.source) this.emit("freshness", freshness);
  }
}
