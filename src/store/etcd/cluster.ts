/** The part of each answer that tells which cluster gave it, and when. */
export interface AnswerHeader {
  /** Left out by something on the way, perhaps. */
  readonly clusterId: bigint | string | undefined;
  readonly revision: bigint | number;
}

/** What was known of the cluster when a call began. */
export interface Mark {
  readonly era: number;
  readonly revision: number;
}

/**
 * Knows the cluster by its id and by how far its revisions have come, and so notices when another
 * one answers in its place, or the same one with an older or emptied disk.
 */
export class Cluster {
  readonly #onReplaced: (error: Error) => void;
  #id: bigint | string | undefined;
  #mark: Mark = { era: 0, revision: 0 };

  /** @param onReplaced called whenever nothing that was known before holds any more */
  constructor(onReplaced: (error: Error) => void) {
    this.#onReplaced = onReplaced;
  }

  /** To be taken before a call and given to {@link observe} with its answer. */
  get mark(): Mark {
    return this.#mark;
  }

  /**
   * Takes note of a linearizable answer. It cannot be older than anything seen before its call
   * began, unless history was replaced.
   */
  observe(header: AnswerHeader | undefined, mark: Mark): void {
    if (header === undefined || mark.era !== this.#mark.era) return;
    const revision = Number(header.revision);
    if (this.#isOther(header)) this.replace("another cluster answers", header);
    else if (revision < mark.revision) {
      this.replace(`revision ${revision} came after ${mark.revision}`, header);
    } else if (revision > this.#mark.revision || this.#id === undefined) {
      this.#id = header.clusterId ?? this.#id;
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

  /** Takes note of such an answer unless it is behind, or of another cluster; returns whether it is not. */
  accept(header: AnswerHeader | undefined): boolean {
    return header === undefined || !(this.#isOther(header) || this.notice(header));
  }

  #isOther(header: AnswerHeader): boolean {
    const { clusterId } = header;
    return this.#id !== undefined && clusterId !== undefined && clusterId !== this.#id;
  }

  /** Nothing that was known holds any more; what is known now is this header. */
  protected replace(why: string, header: AnswerHeader | undefined): void {
    this.#id = header?.clusterId;
    this.#mark = { era: this.#mark.era + 1, revision: Number(header?.revision ?? 0) };
    this.#onReplaced(new Error(`the records on etcd were replaced: ${why}`));
  }
}
