import type { ServerResponse } from "node:http";
import type { CancelTimer, Clock } from "../async/clock.ts";
import { Dirty } from "./dirty.ts";

/** Something that was told to all who keep up. */
export interface Batch {
  readonly text: string;
  readonly dirty: Dirty;
}

export interface EventClientOptions {
  readonly clock: Clock;

  /** Whoever takes nothing for so long is gone. */
  readonly stuckMs: number;

  /** These things as they are now, as an event. */
  readonly render: (dirty: Dirty) => string;

  /** Called once when it is over. */
  readonly ended: () => void;
}

/**
 * One browser that listens. While it does not keep up nothing is queued for it: what it has missed is
 * remembered by name, and told as it is then. So a slow one takes no more memory than a fast one.
 */
export class EventClient {
  readonly #response: ServerResponse;
  readonly #options: EventClientOptions;
  #pieces: Iterator<string> | undefined;
  #missed = new Dirty();
  #blocked = false;
  #cancelStuck: CancelTimer | undefined;

  /** @param pieces what it is told first, made as it takes them */
  constructor(response: ServerResponse, pieces: Iterator<string>, options: EventClientOptions) {
    this.#response = response;
    this.#options = options;
    this.#pieces = pieces;
    response.on("drain", () => this.#unblocked());
    response.on("error", () => {});
    response.once("close", () => {
      this.#cancelStuck?.();
      this.#pieces = undefined;
      this.#blocked = true;
      options.ended();
    });
    this.#pump();
  }

  /** Whether it waits for nothing but news. */
  get #upToDate(): boolean {
    return !this.#blocked && this.#pieces === undefined;
  }

  tell(batch: Batch): void {
    if (this.#upToDate) this.#write(batch.text);
    else this.#missed.add(batch.dirty);
  }

  /** Shows that the connection lives; whoever is being written to sees that anyway. */
  ping(text: string): void {
    if (this.#upToDate) this.#write(text);
  }

  end(): void {
    this.#response.end();
  }

  #pump(): void {
    while (!this.#blocked && this.#pieces !== undefined) {
      const piece = this.#pieces.next();
      if (piece.done === true) this.#pieces = undefined;
      else this.#write(piece.value);
    }
    while (!this.#blocked && !this.#missed.empty) {
      const missed = this.#missed;
      this.#missed = new Dirty();
      this.#write(this.#options.render(missed));
    }
  }

  #write(text: string): void {
    if (this.#response.write(text) || this.#response.destroyed) return;
    this.#blocked = true;
    const { clock, stuckMs } = this.#options;
    this.#cancelStuck = clock.setTimeout(() => this.#response.destroy(), stuckMs);
  }

  #unblocked(): void {
    this.#cancelStuck?.();
    this.#cancelStuck = undefined;
    if (this.#response.destroyed) return;
    this.#blocked = false;
    this.#pump();
  }
}
