import type { Host } from "../model/host.ts";
import type { Service } from "../model/service.ts";
import { EventQueue } from "./event-queue.ts";
import type { Freshness } from "./freshness.ts";
import type { HostEvent } from "./host-event.ts";
import type { Inbox } from "./inbox.ts";
import type { Mirror } from "./mirror.ts";

/** A service at one moment, and what is different from the view that its reader got before. */
export interface ServiceView {
  /**
   * All hosts, draining ones too, in the order in which they became known. One whose record stayed
   * the same is the same object as in the view before, unless it went and came back in between.
   */
  readonly hosts: readonly Host[];

  /** The service's info, if it has one. */
  readonly info: Service | undefined;

  /** Hosts that came; in the first view, all. */
  readonly added: readonly Host[];

  /** Hosts whose record changed, as they are now. */
  readonly updated: readonly Host[];

  /** Hosts that went, as they were last known. */
  readonly removed: readonly Host[];

  /** The same as events, one a host: what an update was before, and why a host went. In the first view each host is `up`. */
  readonly events: readonly HostEvent[];

  /** At the moment when the view was made. */
  readonly freshness: Freshness;
}

/** Makes views for one reader, each when it is asked for. */
export class ViewInbox implements Inbox<ServiceView> {
  readonly #queue = new EventQueue();
  #mirror: Mirror | undefined;

  /** Of the view that was taken last. */
  #told: { readonly info: Service | undefined; readonly source: string } | undefined;

  listed(mirror: Mirror): void {
    this.#mirror = mirror;
  }

  changed(events: readonly HostEvent[]): void {
    // The first view shows all there is, whatever happened before it was taken.
    if (this.#told === undefined) return;
    for (const event of events) this.#queue.push(event);
  }

  take(): ServiceView | undefined {
    if (this.#mirror === undefined) return undefined;
    const { info, freshness } = this.#mirror;
    const { source } = freshness;
    const told = this.#told;
    const events: HostEvent[] = [];
    if (told === undefined) {
      for (const host of this.#mirror.hosts) events.push({ type: "up", host });
    }
    for (let event = this.#queue.take(); event !== undefined; event = this.#queue.take()) {
      events.push(event);
    }
    if (told !== undefined && events.length === 0) {
      if (told.info === info && told.source === source) return undefined;
    }
    this.#told = { info, source };
    const lists: Record<HostEvent["type"], Host[]> = { up: [], update: [], down: [] };
    for (const { type, host } of events) lists[type].push(host);
    // A copy, for what a reader does to its own is no other reader's concern.
    const hosts = this.#mirror.hosts.slice();
    const { up: added, update: updated, down: removed } = lists;
    return { hosts, info, added, updated, removed, events, freshness };
  }

  clear(): void {
    this.#queue.clear();
    this.#mirror = undefined;
  }
}
