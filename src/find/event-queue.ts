import { type Host, hostRecord } from "../model/host.ts";
import type { HostEvent } from "./host-event.ts";
import { sameRecord } from "./same-record.ts";

/**
 * The news of one service that a reader has not taken yet: at most one event a host, so that a
 * reader who never comes costs no more than the hosts there are and those it was told of.
 */
export class EventQueue {
  readonly #pending = new Map<string, Pending>();

  /** Those being handed out, the next one last. Taking from the front of a map takes longer with each. */
  #next: Pending[] = [];

  /** Adds news, merged with what is pending of the same host. */
  push(event: HostEvent): void {
    const { uuid } = event.host;
    const pending = this.#pending.get(uuid);
    if (pending === undefined) {
      const known = event.type === "down" ? event.host : event.previous;
      this.#pending.set(uuid, { known, event });
      return;
    }
    pending.event = pending.event && merge(pending.known, pending.event, event);
    if (pending.event === undefined) this.#pending.delete(uuid);
  }

  /** The oldest news, or undefined when there is none. */
  take(): HostEvent | undefined {
    while (this.#pending.size > 0) {
      if (this.#next.length === 0) this.#next = [...this.#pending.values()].reverse();
      const event = this.#next.pop()?.event;
      if (event === undefined) continue;
      this.#pending.delete(event.host.uuid);
      return event;
    }
    this.#next = [];
    return undefined;
  }

  clear(): void {
    this.#pending.clear();
    this.#next = [];
  }
}

/** News of one host. */
interface Pending {
  /** The host as the reader was told last, if it was. */
  readonly known: Host | undefined;

  /** Undefined when it came to nothing. */
  event: HostEvent | undefined;
}

/** What two successive events come to for somebody who has seen neither, and knows the host so far or not. */
function merge(
  known: Host | undefined,
  first: HostEvent,
  second: HostEvent,
): HostEvent | undefined {
  const { host } = second;
  if (second.type === "down") return known && second;
  if (known === undefined) return { type: "up", host };
  if (first.type === "down" && sameRecord(hostRecord(known), hostRecord(host))) return undefined;
  return { type: "update", host, previous: known };
}
