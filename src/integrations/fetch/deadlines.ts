import type { CancelTimer, Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import { Line, type Place } from "./line.ts";

/** Something that must not take too long. */
export interface Limited {
  /** When its time is over, by the clock; kept by {@link Deadlines}. */
  due: number;

  /** Among those that have as long as it; kept by {@link Deadlines}, too. */
  readonly turn: Place<Limited>;

  /** Its time is over. */
  late(): void;
}

/**
 * The times by which many attempts have to be answered. Nearly all are, and all of one kind have the
 * same time, so that one timer for the oldest does for all.
 */
export class Deadlines {
  readonly #clock: Clock;

  /** Those that are under way, by how long they may take, in the order in which their time is over. */
  readonly #limited = new Map<number, Line<Limited>>();
  readonly #timers = new Map<number, CancelTimer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From now on it has so many milliseconds, again if it had some before. */
  begin(limited: Limited, milliseconds: number): void {
    limited.due = this.#clock.now() + milliseconds;
    let all = this.#limited.get(milliseconds);
    if (all === undefined) {
      all = new Line();
      this.#limited.set(milliseconds, all);
      this.#watch(milliseconds, milliseconds);
    }
    all.join(limited.turn);
  }

  /** It was in time. */
  end(limited: Limited): void {
    limited.turn.leave();
  }

  /** Nobody is under way any more. */
  close(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#limited.clear();
  }

  #watch(milliseconds: number, delayMs: number): void {
    const look = (): void => this.#look(milliseconds);
    this.#timers.set(milliseconds, overdue(this.#clock, look, delayMs));
  }

  #look(milliseconds: number): void {
    const all = this.#limited.get(milliseconds);
    const now = this.#clock.now();
    let oldest = all?.first;
    while (oldest !== undefined && oldest.who.due <= now) {
      oldest.leave();
      oldest.who.late();
      oldest = all?.first;
    }
    if (oldest !== undefined) {
      this.#watch(milliseconds, oldest.who.due - this.#clock.now());
      return;
    }
    this.#limited.delete(milliseconds);
    this.#timers.delete(milliseconds);
  }
}
