import type { WireHost } from "../wire.ts";
import { nameOf } from "./filter.ts";
import { hostHealth, rankOf } from "./host-health.ts";

/** For more changes than that at once it is faster to sort anew. */
const fewChanges = 200;

const orders = new WeakMap<WireHost, string>();

/** Hosts in their order, the worst first, then by service and name. A change among thousands costs no sorting of all. */
export class SortedHosts {
  #hosts: WireHost[] = [];
  #changes: { readonly before: WireHost | undefined; readonly after: WireHost | undefined }[] = [];

  /** A host came (`before` is undefined), is another now, or went (`after` is undefined). */
  change(before: WireHost | undefined, after: WireHost | undefined): void {
    this.#changes.push({ before, after });
  }

  /**
   * All hosts; another array after each change.
   *
   * @param hosts those that there are
   */
  list(hosts: ReadonlyMap<string, WireHost>): readonly WireHost[] {
    const changes = this.#changes;
    if (changes.length === 0) return this.#hosts;
    this.#changes = [];
    if (changes.length > fewChanges) {
      this.#hosts = [...hosts.values()].sort((one, other) =>
        orderOf(one) < orderOf(other) ? -1 : 1,
      );
      return this.#hosts;
    }
    this.#hosts = [...this.#hosts];
    for (const { before, after } of changes) {
      if (before !== undefined) this.#hosts.splice(this.#placeOf(before), 1);
      if (after !== undefined) this.#hosts.splice(this.#placeOf(after), 0, after);
    }
    return this.#hosts;
  }

  /** Where it is, or would be. No two have the same order, as their keys are in it. */
  #placeOf(host: WireHost): number {
    const order = orderOf(host);
    let low = 0;
    let high = this.#hosts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const there = this.#hosts[middle];
      if (there !== undefined && orderOf(there) < order) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function orderOf(host: WireHost): string {
  let order = orders.get(host);
  if (order === undefined) {
    const rank = rankOf(hostHealth(host).level);
    // On hosts behind one public name it is the private one that tells them apart.
    const name = host.privateHostname ?? nameOf(host);
    order = [rank, host.service, name, host.key].join("\0");
    orders.set(host, order);
  }
  return order;
}
