import type { CancelTimer, Clock } from "../../async/clock.ts";
import type { Logger } from "../../logger.ts";
import { readSnapshot, type Snapshot, writeSnapshot } from "./snapshot-file.ts";

/** At most one write in so much time. */
const pauseMs = 5_000;

/** How old the time in the file may become while etcd has nothing new to tell. */
const refreshMs = 300_000;

/** What is kept in the file. */
export interface SnapshotSource {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly service: string;

  /** The hosts as etcd tells them at this moment; undefined while it does not. */
  readonly take: () => Omit<Snapshot, "liveAt"> | undefined;
}

/** Keeps a file up with the hosts of a service. What goes wrong with the file is logged, and harms nothing else. */
export class Snapshots {
  readonly #file: string;
  readonly #source: SnapshotSource;
  #cancelTimer: CancelTimer = () => {};
  #writing: Promise<void> | undefined;
  #writtenAt = -Infinity;
  #dirty = false;
  #scheduled = false;
  #closed: Promise<void> | undefined;

  constructor(file: string, source: SnapshotSource) {
    this.#file = file;
    this.#source = source;
  }

  /** What an earlier process has left, if it can be used. */
  async read(): Promise<Snapshot | undefined> {
    const { service } = this.#source;
    return readSnapshot(this.#file, service, Date.now()).catch((error: unknown) => {
      this.#warn("the snapshot cannot be used", error);
      return undefined;
    });
  }

  /** There is something new to keep. */
  changed(): void {
    this.#dirty = true;
    if (this.#scheduled || this.#writing !== undefined || this.#closed !== undefined) return;
    this.#scheduled = true;
    this.#cancelTimer();
    const { clock } = this.#source;
    const waitMs = Math.max(0, this.#writtenAt + pauseMs - clock.now());
    this.#cancelTimer = clock.setTimeout(() => this.#due(), waitMs);
  }

  /** Writes what is newest, and ends. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#cancelTimer();
    const old = this.#source.clock.now() - this.#writtenAt >= pauseMs;
    const last = this.#dirty || old ? this.#source.take() : undefined;
    await this.#writing;
    if (last !== undefined) await this.#write(last);
  }

  #due(): void {
    this.#scheduled = false;
    const snapshot = this.#source.take();
    // Once etcd tells again there is a change.
    if (snapshot === undefined) return;
    this.#dirty = false;
    this.#writing = this.#write(snapshot).finally(() => {
      this.#writing = undefined;
      if (this.#closed !== undefined) return;
      if (this.#dirty) this.changed();
      else {
        this.#cancelTimer = this.#source.clock.setTimeout(() => this.changed(), refreshMs);
      }
    });
  }

  async #write(snapshot: Omit<Snapshot, "liveAt">): Promise<void> {
    const { clock, service } = this.#source;
    this.#writtenAt = clock.now();
    try {
      await writeSnapshot(this.#file, service, { ...snapshot, liveAt: Date.now() });
    } catch (error) {
      this.#warn("the snapshot cannot be written", error);
    }
  }

  #warn(message: string, error: unknown): void {
    const { logger, service } = this.#source;
    logger.warn(message, { service, file: this.#file, error: (error as Error).message });
  }
}
