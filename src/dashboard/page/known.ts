import type { WireHost, WireLogEntry, WireService, WireUpdate } from "../wire.ts";
import { SortedHosts } from "./sorted-hosts.ts";

/** As many entries of the log as the page keeps. */
const mostEntries = 500;

/** All that the page was told: the one place that every part of it looks at. */
export class Known {
  readonly services: Map<string, WireService> = new Map();
  readonly hosts: Map<string, WireHost> = new Map();

  readonly #sorted = new SortedHosts();

  /** All hosts, the worst first, then by service and name. */
  get sortedHosts(): readonly WireHost[] {
    return this.#sorted.list(this.hosts);
  }

  /** The newest first. */
  log: readonly WireLogEntry[] = [];

  /** Takes in what is different. Doing so twice changes nothing. */
  apply(update: WireUpdate): void {
    for (const service of update.services ?? []) this.services.set(service.name, service);
    for (const name of update.goneServices ?? []) this.services.delete(name);
    for (const host of update.hosts ?? []) {
      this.#sorted.change(this.hosts.get(host.key), host);
      this.hosts.set(host.key, host);
    }
    for (const key of update.goneHosts ?? []) {
      this.#sorted.change(this.hosts.get(key), undefined);
      this.hosts.delete(key);
    }
    const newest = this.log[0]?.n ?? 0;
    const news = (update.log ?? []).filter(({ n }) => n > newest);
    if (news.length > 0) this.log = [...news.reverse(), ...this.log].slice(0, mostEntries);
  }
}
