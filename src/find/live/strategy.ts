import type { Host } from "../../model/host.ts";

/** How a live pool chooses among the hosts that may be picked. May be given to any number of pools. */
export interface Strategy {
  /**
   * Makes what picks for one pool.
   *
   * @param random a number from 0 up to 1, as `Math.random`: all chance comes from here
   */
  picker(random: () => number): Picker;
}

/**
 * Picks for one pool. The pool has sorted out already which hosts fit; draining, ejected and lost
 * ones are among the candidates only when there is nobody else.
 */
export interface Picker {
  /**
   * From now on these are to be picked from. Called when hosts come, go, change, or are ejected, and
   * never as a part of a pick, so that this is the place for work that makes picks fast. There is at
   * least one, each has another uuid, and the array does not change later.
   */
  update(candidates: readonly Candidate[]): void;

  /**
   * The index of the candidate to use. Called for each pick, so it is to be fast and to allocate
   * nothing. Returns -1 if all candidates are excluded, and only then.
   *
   * @param key what the request is about: the same key goes to the same host, where a strategy minds keys
   * @param excluded uuids that must not be picked; undefined: none
   */
  pick(key: string | undefined, excluded: ReadonlySet<string> | undefined): number;
}

/** A host that may be picked. The object stays the same while the host lives, its fields do not. */
export interface Candidate {
  /** As its record is now. */
  readonly host: Host;

  /** How many uses of it have begun and not ended yet. */
  readonly inFlight: number;
}
