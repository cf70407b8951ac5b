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
  /** Of pools that have ended, by service. */
  readonly #ended = new Map<string, PoolFigures>();

  /** A pool has ended. */
  add(pool: Counting): void {
    const { service } = pool;
    const figures = sum(this.#ended.get(service), pool, 0);
    // The one that was added to last comes last.
    this.#ended.delete(service);
    this.#ended.set(service, figures);
    const [oldest = service] = this.#ended.keys();
    if (this.#ended.size > mostKept) this.#ended.delete(oldest);
  }

  /** Each service that has a pool, or had one. */
  figures(living: Iterable<Counting>): PoolFigures[] {
    const figures = new Map(this.#ended);
    for (const pool of living) figures.set(pool.service, sum(figures.get(pool.service), pool, 1));
    return [...figures.values()];
  }
}

/** @param pools 1 for one that lives, 0 for one that has ended */
function sum(
  before: Omit<PoolFigures, "service"> = { pools: 0, ejected: 0, picks: 0, ejections: 0 },
  pool: Counting,
  pools: 0 | 1,
): PoolFigures {
  const { service, ejected, picks, ejections } = pool;
  return {
    service,
    pools: before.pools + pools,
    ejected: before.ejected + pools * ejected.length,
    picks: before.picks + picks,
    ejections: before.ejections + ejections,
  };
}
