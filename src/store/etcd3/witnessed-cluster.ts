import { Cluster, type Mark } from "../etcd/cluster.ts";

/** A record as it certainly was at some revision. */
export interface Witness {
  readonly key: Uint8Array;
  readonly createRevision: bigint;
  readonly modRevision: bigint;

  /** The lease that it lives by; 0: none. */
  readonly lease: bigint;
}

/** Also notices an older or emptied disk whose revisions have come further than what was seen. */
export class WitnessedCluster extends Cluster {
  #witness: Witness | undefined;

  /** @param onReplaced called whenever nothing that was known before holds any more */
  constructor(onReplaced: (error: Error) => void) {
    super((error) => {
      this.#witness = undefined;
      onReplaced(error);
    });
  }

  /** The newest record seen that lives by a lease: on the same history it is still to be found at its revision. */
  get witness(): Witness | undefined {
    return this.#witness;
  }

  /**
   * Takes note of a record as it was read, or as a watch told of it. Only one with a lease can
   * testify: its number was drawn by lot, but the same infos come back in every history, and in a
   * young one at the same revisions.
   */
  remember({ key, createRevision, modRevision, lease }: Witness): void {
    if (lease === 0n || modRevision <= (this.#witness?.modRevision ?? 0n)) return;
    this.#witness = { key: new Uint8Array(key), createRevision, modRevision, lease };
  }

  /** The witness can testify no longer. */
  dismiss(witness: Witness | undefined): void {
    if (this.#witness === witness) this.#witness = undefined;
  }

  /** The witness was not found where it must be. */
  refute(mark: Mark): void {
    if (mark.era !== this.mark.era) return;
    this.replace("etcd does not know its own history any more", undefined);
  }
}
