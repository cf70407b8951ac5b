import type { Session } from "../store/store.ts";
import type { Entry } from "./entry.ts";

/** Sessions that another one has taken the place of, as long as entries live by them, or may do so. */
export class LeftSessions {
  readonly #sessions = new Map<Session, () => void>();

  /** Resolves when nothing lives by it any more. */
  add(session: Session): Promise<void> {
    return new Promise((resolve) => this.#sessions.set(session, resolve));
  }

  /** Sees to it that what still lives by them is written again. */
  review(entries: Iterable<Entry>): void {
    if (this.#sessions.size === 0) return;
    const all = [...entries];
    for (const [session, done] of this.#sessions) {
      const staying = all.filter((entry) => entry.session === session && !entry.ending);
      for (const entry of staying) entry.dirty = true;
      // What has been asked for may not have been carried out.
      if (all.some((entry) => entry.session === session || isOnItsWay(entry))) continue;
      this.#sessions.delete(session);
      done();
    }
  }

  close(): void {
    for (const done of this.#sessions.values()) done();
    this.#sessions.clear();
  }
}

function isOnItsWay({ dirty, stored }: Entry): boolean {
  return dirty && stored !== undefined;
}
