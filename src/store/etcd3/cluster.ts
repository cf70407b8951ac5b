/** The part of each answer that tells which cluster gave it, and when. */
export interface AnswerHeader {
  readonly clusterId: bigint;
  readonly revision: bigint;
}

/** What was known of the cluster when a call began. */
export interface Mark {
  readonly era: number;
  readonly revision: number;
}

/** A record as it certainly was at some revision. */
export interface Witness {
  readonly key: Uint8Array;
  readonly createRevision: bigint;
  readonly modRevision: bigint;

  /** The lease that it lives by; 0: none. */
  readonly lease: bigint;
}

/**
 * Knows the cluster by its id and by how far its revisions have come, and so notices when another
 * one answers in its place, or the same one with an older or emptied disk.
 */
export class Cluster {
  readonly #onReplaced: (error: Error) => void;
  #id: bigint | undefined;
  #mark: Mark = { era: 0, revision: 0 };
  #witness: Witness | undefined;

  /** @param onReplaced called whenever nothing that was known before holds any more */
  constructor(onReplaced: (error: Error) => void) {
    this.#onReplaced = onReplaced;
  }

  /** To be taken before a call and given to {@link observe} with its answer. */
  get mark(): Mark {
    return this.#mark;
  }

  /** The newest record seen that lives by a lease: on the same history it is still to be found at its revision. */
  get witness(): Witness | undefined {
    return this.#witness;
  }

  /**
   * Takes note of a linearizable answer. It cannot be older than anything seen before its call
   * began, unless history was replaced.
   */
  observe(header: AnswerHeader | undefined, mark: Mark): void {
    if (header === undefined || mark.era !== this.#mark.era) return;
    const revision = Number(header.revision);
    if (this.#isOther(header)) this.#replace("another cluster answers", header);
    else if (revision < mark.revision) {
      this.#replace(`revision ${revision} came after ${mark.revision}`, header);
    } else if (revision > this.#mark.revision || this.#id === undefined) {
      this.#id = header.clusterId;
      this.#mark = { era: mark.era, revision: Math.max(revision, this.#mark.revision) };
    }
  }

  /**
   * Takes note of an answer that a member gave by itself. Returns whether it is behind what was
   * seen: the member may only lag, so a linearizable answer has to decide.
   */
  notice(header: AnswerHeader | undefined): boolean {
    if (header === undefined) return false;
    if (!this.#isOther(header) && Number(header.revision) < this.#mark.revision) return true;
    this.observe(header, this.#mark);
    return false;
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
    if (mark.era !== this.#mark.era) return;
    this.#replace("etcd does not know its own history any more", undefined);
  }

  #isOther(header: AnswerHeader): boolean {
    return this.#id !== undefined && header.clusterId !== this.#id;
  }

  #replace(why: string, header: AnswerHeader | undefined): void {
    this.#id = header?.clusterId;
    this.#witness = undefined;
    this.#mark = { era: this.#mark.era + 1, revision: Number(header?.revision ?? 0) };
    this.#onReplaced(new Error(`the records on etcd were replaced: ${why}`));
  }
}
