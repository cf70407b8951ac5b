import type { Host } from "../../model/host.ts";
import type { HostEvent } from "../host-event.ts";
import { type CheckedFilter, passes } from "./host-filter.ts";
import { Member } from "./member.ts";
import type { Suspects } from "./suspects.ts";

/** The hosts of a service that belong to a pool. */
export class Members {
  readonly #filter: CheckedFilter;
  readonly #suspects: Suspects | undefined;
  readonly #living = new Map<string, Member>();
  #hosts: readonly Host[] | undefined;

  /** @param suspects told of those that are lost; undefined: nobody is kept */
  constructor(filter: CheckedFilter, suspects: Suspects | undefined) {
    this.#filter = filter;
    this.#suspects = suspects;
  }

  /** Those that are known to live, in the order in which they became known. */
  get living(): Iterable<Member> {
    return this.#living.values();
  }

  /** Those that are kept though they seem to be gone. */
  get suspects(): Iterable<Member> {
    return this.#suspects?.members() ?? [];
  }

  /** Those that live, draining ones too. A frozen array, the same one until it is different. */
  get hosts(): readonly Host[] {
    this.#hosts ??= Object.freeze(Array.from(this.#living.values(), ({ host }) => host));
    return this.#hosts;
  }

  /** Takes over a whole set. Returns those that are gone. */
  replace(hosts: Iterable<Host>): readonly Member[] {
    const before = new Map(this.#living);
    this.#living.clear();
    for (const host of hosts) {
      if (!passes(host, this.#filter)) continue;
      const member = before.get(host.uuid);
      before.delete(host.uuid);
      this.#put(host, member);
    }
    this.#hosts = undefined;
    return [...before.values()];
  }

  /** Takes over what happened at one moment. Returns those that are gone, or undefined if nothing is of this pool. */
  apply(events: readonly HostEvent[]): readonly Member[] | undefined {
    const gone: Member[] = [];
    let changed = false;
    let lost = false;
    for (const { type, host, reason } of events) {
      const { uuid } = host;
      const member = this.#living.get(uuid);
      if (type !== "down" && passes(host, this.#filter)) {
        this.#put(host, member ?? this.#suspects?.remove(uuid));
      } else if (member === undefined) {
        // A suspect that is back, but is none of this pool any longer, is not to be picked either.
        if (type !== "down") this.#suspects?.remove(uuid);
        continue;
      } else {
        this.#living.delete(uuid);
        gone.push(member);
        if (type === "down" && reason !== "unregistered") {
          this.#suspects?.lost(member);
          lost = true;
        }
      }
      changed = true;
    }
    if (!changed) return undefined;
    this.#hosts = undefined;
    if (lost) this.#suspects?.judge(this.#living.size);
    return gone;
  }

  /** The one of that uuid, a suspect, too. */
  get(uuid: string): Member | undefined {
    return this.#living.get(uuid) ?? this.#suspects?.get(uuid);
  }

  /** Whether it is one of those that live. */
  has(member: Member): boolean {
    return this.#living.get(member.host.uuid) === member;
  }

  /** How many may be picked unless something is known against them. */
  get eligible(): number {
    let count = 0;
    for (const { host } of this.#living.values()) if (!host.draining) count += 1;
    return count;
  }

  #put(host: Host, member: Member | undefined): void {
    if (member !== undefined) member.host = host;
    this.#living.set(host.uuid, member ?? new Member(host));
  }
}
