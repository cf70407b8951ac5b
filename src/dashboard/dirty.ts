/** What is different from what somebody was told: names of things, not the things, so that it stays small. */
export class Dirty {
  readonly hosts: Set<string> = new Set();
  readonly services: Set<string> = new Set();

  /** The first entry of the log that was not told. */
  logFrom: number = Infinity;
  state: boolean = false;

  get empty(): boolean {
    return this.size === 0 && this.logFrom === Infinity && !this.state;
  }

  /** How many names it holds. */
  get size(): number {
    return this.hosts.size + this.services.size;
  }

  add(other: Dirty): void {
    for (const key of other.hosts) this.hosts.add(key);
    for (const name of other.services) this.services.add(name);
    this.logFrom = Math.min(this.logFrom, other.logFrom);
    this.state ||= other.state;
  }
}
