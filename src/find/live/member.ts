import type { Host } from "../../model/host.ts";
import type { HostHealth } from "./ejections.ts";
import type { Candidate } from "./strategy.ts";

/** A host of a pool, with what the pool itself knows of it. */
export class Member implements Candidate {
  host: Host;
  inFlight = 0;

  /** Undefined as long as nothing bad is known. */
  health: HostHealth | undefined;

  /** Its place in the choice of a subset; undefined until that is asked for. */
  rank: number | undefined;

  constructor(host: Host) {
    this.host = host;
  }

  /** Whether it is not to be picked for the time being. */
  get out(): boolean {
    const state = this.health?.state;
    return state === "ejected" || state === "probed";
  }
}
