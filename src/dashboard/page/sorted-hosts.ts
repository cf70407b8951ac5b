import type { WireHost } from "../wire.ts";
import { nameOf } from "./filter.ts";
import { hostHealth, rankOf } from "./host-health.ts";

/** For more changes than that at once it is faster to sort anew. */
const fewChanges = 200;

const orders = new WeakMap<WireHost, string>();

interface Change {
  readonly before: WireHost | undefined;
  readonly after: WireHost | undefined;
}

/** Hosts in their order, the worst first, then by service and name. A change among thousands costs no sorting of all. */
export class SortedHosts {
  #hosts: readonly WireHost[] = [];

  /** Since the list was made; undefined: too many to be kept, as when nobody asks for the list. */
  #changes: Change[] | undefined = [];

  /** A host came (`before` is undefined), is another now, or went (`after` is undefined). */
  change(before: WireHost | undefined, after: WireHost | undefined): void {
    if (this.#changes === undefined) return;
    if (this.#changes.length === fewChanges) this.#changes = undefined;
    else this.#changes.push({ before, after });
  }

  /**
   * All hosts; another array after each change.
   *
   * @param hosts those that there are
   */
  list(hosts: ReadonlyMap<string, WireHost>): readonly WireHost[] {
    const changes = this.#changes;
    if (changes?.length === 0) return this.#hosts;
    this.#hosts = changes === undefined ? sorted(hosts.values()) : changed(this.#hosts, changes);
    this.#changes = [];
    return this.#hosts;
  }
}

function sorted(hosts: Iterable<WireHost>): WireHost[] {
  return [...hosts].sort((one, other) => (orderOf(one) < orderOf(other) ? -1 : 1));
}

function changed(hosts: readonly WireHost[], changes: readonly Change[]): WireHost[] {
  const list = [...hosts];
  for (const { before, after } of changes) {
    if (before !== undefined) list.splice(placeOf(list, before), 1);
    if (after !== undefined) list.splice(placeOf(list, after), 0, after);
  }
  return list;
}

/** Where it is, or would be. No two have the same order, as their keys are in it. */
function placeOf(hosts: readonly WireHost[], host: WireHost): number {
  const order = orderOf(host);
  let low = 0;
  let high = hosts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const there = hosts[middle];
    if (there !== undefined && orderOf(there) < order) low = middle + 1;
    else high = middle;
  }
  return low;
}

function orderOf(host: WireHost): string {
  let order = orders.get(host);
  if (order === undefined) {
    const rank = rankOf(hostHealth(host).level);
    // On hosts behind one public name it is the private one that tells them apart.
    const name = nameOf(host);
    order = [rank, host.service, name, host.key].join("\0");
    orders.set(host, order);
  }
  return order;
}
