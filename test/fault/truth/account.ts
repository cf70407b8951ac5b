import type { SeenEvent, SeenHost, SeenInfo, SeenView } from "./commands.ts";

/** What a follower of a service knows who was told only what it was told, and what in that made no sense. */
export class Account {
  readonly hosts: Map<string, SeenHost> = new Map();
  info: SeenInfo | undefined;

  /** Whether the last view said that it is; without views, true. */
  live = true;
  readonly faults: string[] = [];

  /** How many views it was told. */
  views = 0;

  event({ type, host, previous }: SeenEvent): void {
    const { uuid } = host;
    const known = this.hosts.get(uuid);
    if (type === "up" && known !== undefined) this.faults.push(`up ${uuid}, which was there`);
    if (type !== "up" && known === undefined) {
      this.faults.push(`${type} ${uuid}, which was not there`);
    }
    if (type === "update" && known !== undefined && !same(previous, known)) {
      this.faults.push(`update ${uuid}: its previous record is not the one told before`);
    }
    if (type === "update" && same(previous, host)) this.faults.push(`update ${uuid} of nothing`);
    if (type === "down") this.hosts.delete(uuid);
    else this.hosts.set(uuid, host);
  }

  view({ hosts, info, added, updated, removed, live }: SeenView): void {
    const before = new Map(this.hosts);
    this.hosts.clear();
    for (const host of hosts) {
      if (this.hosts.has(host.uuid)) this.faults.push(`a view lists ${host.uuid} twice`);
      this.hosts.set(host.uuid, host);
    }
    this.info = info;
    this.live = live;
    this.views += 1;
    for (const id of removed) {
      if (!before.delete(id)) this.faults.push(`removed ${id}, which was not there`);
    }
    for (const id of added) {
      if (before.has(id)) this.faults.push(`added ${id}, which was there`);
      this.#take(before, id, "added");
    }
    for (const id of updated) {
      if (!before.has(id)) this.faults.push(`updated ${id}, which was not there`);
      this.#take(before, id, "updated");
    }
    if (this.views === 1 && added.length !== hosts.length) {
      this.faults.push("not all hosts of the first view are said to be added");
    }
    for (const id of new Set([...before.keys(), ...this.hosts.keys()])) {
      if (same(before.get(id), this.hosts.get(id))) continue;
      this.faults.push(`view ${this.views}: ${id} is different, and that was not said`);
    }
  }

  #take(before: Map<string, SeenHost>, id: string, how: string): void {
    const host = this.hosts.get(id);
    if (host === undefined) this.faults.push(`${how} ${id}, which is not listed`);
    else before.set(id, host);
  }
}

/** Whether two plain values are the same; the order of fields is. */
export function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
