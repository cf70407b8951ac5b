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

type Told = Omit<LivePoolEvents, "closed">;

/** Tells listeners what is different from what they were told before. */
export class Announcements extends Listeners<LivePoolEvents> {
  #told: Partial<Told> = {};

  constructor(logger: Logger, service: string) {
    super(["hosts", "pickable", "freshness", "closed"], logger, { service });
  }

  tell(now: Told): void {
    const told = this.#told;
    this.#told = now;
    const { freshness, hosts, pickable } = now;
    if (told.hosts !== hosts) this.emit("hosts", hosts);
    if (told.pickable !== pickable) this.emit("pickable", pickable);
    if (told.freshness?.source !== freshness.source) this.emit("freshness", freshness);
  }
}
