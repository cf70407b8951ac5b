import type { Watch, WatchBatch, WatchChange, WatchEnd, WatchObserver } from "../../store/store.ts";

const decoder = new TextDecoder();

/** A change in one line: `put info=v`, `put a=v` or `delete a`. */
function inWords(change: WatchChange): string {
  const name = change.record.kind === "info" ? "info" : change.record.id;
  return change.kind === "put"
    ? `put ${name}=${decoder.decode(change.stored.value)}`
    : `delete ${name}`;
}

/** Writes down what a watch tells, and what in the manner of telling is against the contract. */
export class WatchRecorder implements WatchObserver {
  readonly batches: WatchBatch[] = [];
  readonly faults: string[] = [];
  timesEstablished = 0;
  timesInterrupted = 0;
  end: WatchEnd | undefined;
  readonly #then: ((batch: WatchBatch) => void) | undefined;
  #watch: Watch | undefined;

  /** Apart, since a store may keep infos and hosts in two places whose pasts come separately. */
  readonly #lastRevision = { info: 0, host: 0 };
  #silence: string | undefined = "before watch() had returned";
  #connected = false;
  #telling = false;

  constructor(then?: (batch: WatchBatch) => void) {
    this.#then = then;
  }

  /** All changes so far, in words. */
  get changes(): string[] {
    return this.batches.flatMap((batch) => batch.changes.map(inWords));
  }

  /** `watch()` has returned: from now on something may be told. */
  follow(watch: Watch): void {
    this.#watch = watch;
    this.#silence = undefined;
  }

  close(): void {
    this.#watch?.close();
    this.expectSilence("after close()");
  }

  /** From now on it is a fault to be told anything. */
  expectSilence(when: string): void {
    this.#silence = when;
  }

  established(): void {
    this.#told("established", () => {
      if (this.#connected) this.faults.push("established twice without an interruption");
      this.#connected = true;
      this.timesEstablished += 1;
    });
  }

  interrupted(error: Error): void {
    this.#told("interrupted", () => {
      if (!(error instanceof Error)) this.faults.push("interrupted without an error");
      this.#connected = false;
      this.timesInterrupted += 1;
    });
  }

  ended(reason: WatchEnd, error: Error): void {
    this.#told("ended", () => {
      if (!(error instanceof Error)) this.faults.push("ended without an error");
      this.end = reason;
      this.#silence = "after ended()";
    });
  }

  changed(batch: WatchBatch): void {
    this.#told("changed", () => {
      if (!this.#connected) this.faults.push(`revision ${batch.revision} while not established`);
      for (const kind of new Set(batch.changes.map(({ record }) => record.kind))) {
        const last = this.#lastRevision[kind];
        if (batch.revision <= last) {
          this.faults.push(`${kind}: revision ${batch.revision} after ${last}`);
        }
        this.#lastRevision[kind] = batch.revision;
      }
      if (batch.changes.length === 0) this.faults.push(`nothing at revision ${batch.revision}`);
      for (const change of batch.changes) {
        const revision = change.kind === "put" ? change.stored.revision : change.revision;
        if (revision === batch.revision) continue;
        this.faults.push(`a change of revision ${revision} in the batch of ${batch.revision}`);
      }
      this.batches.push(batch);
      this.#then?.(batch);
    });
  }

  #told(what: string, body: () => void): void {
    if (this.#silence !== undefined) this.faults.push(`${what} ${this.#silence}`);
    if (this.#telling) this.faults.push(`${what} while it was being told something else`);
    this.#telling = true;
    try {
      body();
    } finally {
      this.#telling = false;
    }
  }
}
