import type { Host } from "../model/host.ts";

/** How many changes are remembered to be made up for; after more of them the array is made anew. */
const mostChanges = 32;

/**
 * The hosts of a service as an array, which is made when it is asked for and kept up from then on.
 * So a change costs the same however many hosts there are, and so does a look at the array after a
 * few of them, but for one search in it.
 */
export class HostList {
  readonly #all: () => Iterable<Host>;
  #hosts: Host[] | undefined;
  #changes: (readonly [previous: Host | undefined, host: Host | undefined])[] = [];

  /** @param all the hosts as they are, in the order in which they came */
  constructor(all: () => Iterable<Host>) {
    this.#all = all;
  }

  /** A host came, or took the place of its former self, or went. */
  changed(previous: Host | undefined, host: Host | undefined): void {
    if (this.#hosts === undefined) return;
    this.#changes.push([previous, host]);
    if (this.#changes.length > mostChanges) this.#forget();
  }

  /** The hosts in the order in which they came. The array goes on changing with them: it is to be copied by whoever keeps it. */
  get hosts(): readonly Host[] {
    this.#hosts ??= [...this.#all()];
    for (const [previous, host] of this.#changes.splice(0)) {
      if (previous === undefined) {
        if (host !== undefined) this.#hosts.push(host);
      } else {
        const index = this.#hosts.indexOf(previous);
        if (host === undefined) this.#hosts.splice(index, 1);
        else this.#hosts[index] = host;
      }
    }
    return this.#hosts;
  }

  #forget(): void {
    this.#hosts = undefined;
    this.#changes = [];
  }
}
