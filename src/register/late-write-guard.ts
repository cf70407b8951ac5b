import type { Store, Watch } from "../store/store.ts";

/** How long a write may lie about unanswered once the store answers again. */
const guardMs = 10_000;

/**
 * Sees to it that an ended registration stays ended. A write that got no answer, from an etcd that
 * hung say, may be carried out after the deletion that was asked for later; its record would then
 * live as long as the session, with nobody to care for it. So it is deleted again.
 */
export class LateWriteGuard {
  readonly #store: Store;
  readonly #timeoutMs: number;
  readonly #stops = new Set<() => void>();

  constructor(store: Store, timeoutMs: number) {
    this.#store = store;
    this.#timeoutMs = timeoutMs;
  }

  /** Watches over the key of a host that was deleted at `revision`, for a while. */
  watchOver(service: string, id: string, revision: number): void {
    const watch: Watch = this.#store.watch(
      { service, part: { host: id }, from: revision + 1 },
      {
        established() {},
        interrupted() {},
        changed: ({ changes }) => {
          if (changes.some(({ kind }) => kind === "put")) this.#delete(service, id);
        },
        // History is gone, or not ours to see: what can still be done is to delete it once more.
        ended: () => {
          stop();
          this.#delete(service, id);
        },
      },
    );
    const cancel = this.#store.clock.setTimeout(() => stop(), guardMs);
    const stop = () => {
      cancel();
      watch.close();
      this.#stops.delete(stop);
    };
    this.#stops.add(stop);
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #delete(service: string, id: string): void {
    const changes = [{ kind: "delete-host", id } as const];
    // Should this fail as well, the end of the session has the last word.
    this.#store
      .write({ service, conditions: [], changes }, { timeoutMs: this.#timeoutMs })
      .catch(() => {});
  }
}
