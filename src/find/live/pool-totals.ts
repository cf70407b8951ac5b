/** What the live pools of one service come to, together. */
export interface PoolFigures {
  readonly service: string;

  /** How many there are now. */
  readonly pools: number;

  /** How many hosts they leave alone now because they failed; one that several leave alone counts for each. */
  readonly ejected: number;

  /** How many hosts were picked, those of pools that have ended included. */
  readonly picks: number;

  /** How often a host was ejected, likewise. */
  readonly ejections: number;
}

/** What is asked of a pool. */
export interface Counting {
  readonly service: string;
  readonly ejected: readonly unknown[];

  /** How many hosts were picked. */
  readonly picks: number;

  /** How often a host was ejected. */
  readonly ejections: number;
}

/** Of how many services the counts are kept when no pool is left; those of others begin anew. */
const mostKept = 1_000;

/** Keeps the counts of pools that have ended, as a total must never become less. */
export class PoolTotals {
  /** By service. */
  readonly #ended = new Map<string, { picks: number; ejections: number }>();

  /** A pool has ended. */
  add({ service, picks, ejections }: Counting): void {
    const before = this.#ended.get(service) ?? { picks: 0, ejections: 0 };
    // The one that was added to last comes last.
    this.#ended.delete(service);
    this.#ended.set(service, {
      picks: before.picks + picks,
      ejections: before.ejections + ejections,
    });
    if (this.#ended.size <= mostKept) return;
    for (const oldest of this.#ended.keys()) {
      this.#ended.delete(oldest);
      return;
    }
  }

  /** Each service that has a pool, or had one. */
  figures(living: Iterable<Counting>): PoolFigures[] {
    const figures = new Map(
      Array.from(this.#ended, ([service, counts]) => [
        service,
        { service, pools: 0, ejected: 0, ...counts },
      ]),
    );
    for (const { service, ejected, picks, ejections } of living) {
      const of = figures.get(service) ?? { service, pools: 0, ejected: 0, picks: 0, ejections: 0 };
      figures.set(service, of);
      of.pools += 1;
      of.ejected += ejected.length;
      of.picks += picks;
      of.ejections += ejections;
    }
    return [...figures.values()];
  }
}
