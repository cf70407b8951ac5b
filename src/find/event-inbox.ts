import { EventQueue } from "./event-queue.ts";
import type { HostEvent } from "./host-event.ts";
import type { Inbox } from "./inbox.ts";
import type { Mirror } from "./mirror.ts";

/** Hosts that come, change and go, for one subscription. */
export class EventInbox<T> implements Inbox<T> {
  readonly #existing: boolean;
  readonly #select: (event: HostEvent) => T | undefined;
  readonly #queue = new EventQueue();

  /** `select` makes of an event what the reader gets, or undefined if it is none of the reader's. */
  constructor(existing: boolean, select: (event: HostEvent) => T | undefined) {
    this.#existing = existing;
    this.#select = select;
  }

  listed(mirror: Mirror): void {
    if (!this.#existing) return;
    for (const host of mirror.hosts) this.#queue.push({ type: "up", host });
  }

  changed(events: readonly HostEvent[]): void {
    for (const event of events) this.#queue.push(event);
  }

  take(): T | undefined {
    for (;;) {
      const event = this.#queue.take();
      if (event === undefined) return undefined;
      const selected = this.#select(event);
      if (selected !== undefined) return selected;
    }
  }

  clear(): void {
    this.#queue.clear();
  }
}
