import { delay } from "../async/abort.ts";
import { Rounds } from "../async/rounds.ts";
import type { ServiceKeeper } from "./service-keeper.ts";

const defaultReconcileMs = 300_000;

/** How long a pending change may take to be told before its absence is a fault. */
const graceMs = 2_000;

/** The info, among the ids of hosts: none of these is empty. */
export const infoId = "";

/**
 * Compares the records that a keeper answers for with the store from time to time, for servers have
 * lost changes, and come back with others; and a registration that nobody finds must not think that
 * all is well.
 */
export class Comparison {
  readonly #keeper: ServiceKeeper;
  readonly #onDrift: (ids: ReadonlySet<string>) => void;
  readonly #rounds: Rounds;
  #started = false;

  /** @param onDrift told which hosts' records, or the info ({@link infoId}), the store has changed without a word */
  constructor(keeper: ServiceKeeper, onDrift: (ids: ReadonlySet<string>) => void) {
    this.#keeper = keeper;
    this.#onDrift = onDrift;
    const { random, reconcileMs = defaultReconcileMs, store } = keeper.context;
    this.#rounds = new Rounds({
      clock: store.clock,
      everyMs: reconcileMs,
      random,
      round: (signal) => this.#compare(signal),
      failed: (error) => {
        const { context, service } = keeper;
        context.logger.error("stopped comparing own records", { service, error });
      },
    });
  }

  /** The records can be followed no more. */
  lost(): void {
    this.#rounds.lost();
  }

  /** They can be followed, again or still. */
  found(): void {
    this.#rounds.found();
  }

  /** Goes on until it is closed. Idempotent. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#rounds.start();
  }

  close(): void {
    this.#rounds.end();
  }

  async #compare(signal: AbortSignal): Promise<void> {
    const before = await this.#differences(signal);
    if (before.size === 0) return;
    // Most likely on its way.
    await delay(this.#keeper.context.store.clock, graceMs, signal);
    const later = await this.#differences(signal);
    const lost = [...before].filter(([id, revision]) => later.get(id) === revision);
    if (lost.length > 0) this.#onDrift(new Set(lost.map(([id]) => id)));
  }

  /** The records that the store has otherwise, each with the revision known here; none while it cannot be read. */
  async #differences(signal: AbortSignal): Promise<Map<string, number>> {
    const { context, service } = this.#keeper;
    const { store, timeoutMs, writeSize } = context;
    const differences = new Map<string, number>();
    const ids = this.#stored().map(([id]) => id);
    if (ids.length === 0) return differences;
    const hosts = ids.length > writeSize.hosts ? "all" : ids;
    try {
      const listing = await store.read(service, { info: true, hosts }, { signal, timeoutMs });
      const there = new Map(listing.hosts.map(({ id, revision }) => [id, revision]));
      for (const [id, revision] of this.#stored()) {
        if (there.get(id) !== revision) differences.set(id, revision);
      }
      const { info } = this.#keeper;
      // By what it says: a touch may be told before the answer to an earlier write of its own.
      if (info !== undefined && !sameBytes(info.value, listing.info?.value)) {
        differences.set(infoId, info.revision);
      }
    } catch {
      signal.throwIfAborted();
    }
    return differences;
  }

  /** The hosts that should be on the store, and the revisions that wrote them. */
  #stored(): [id: string, revision: number][] {
    return [...this.#keeper.wanted(true), ...this.#keeper.wanted(false)].flatMap(
      ({ stored, uuid }) => (stored === undefined ? [] : [[uuid, stored.revision]]),
    );
  }
}

function sameBytes(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return Buffer.compare(one, other) === 0;
}
