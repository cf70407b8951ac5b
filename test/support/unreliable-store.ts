import { delay } from "../../src/async/abort.ts";
import type { Clock } from "../../src/async/clock.ts";
import { DiscoveryError } from "../../src/errors.ts";
import type { Store, Write } from "../../src/store/store.ts";

/**
 * What becomes of a write: `answered` as usual, or 2.5 s later (`slow`); carried out without an answer,
 * at once or 2.5 s later (`late`); or lost.
 */
export type Fate = "answered" | "slow" | "unanswered" | "late" | "lost";

/** A way to a store on which writes have fates. */
export interface UnreliableStore extends Store {
  fate: Fate | ((write: Write) => Fate);

  /** Called in the moment before a write is carried out, in which somebody else may be first. */
  before: ((write: Write) => void) | undefined;

  /** Whether watches tell nothing of what is changed. */
  silent: boolean;
}

/** A way to this store on which writes may get no answer, whatever becomes of them. */
export function unreliable(store: Store, clock: Clock): UnreliableStore {
  const own = {
    fate: "answered" as UnreliableStore["fate"],
    before: undefined as UnreliableStore["before"],
    silent: false,
    watch(...[target, observer]: Parameters<Store["watch"]>) {
      return store.watch(target, {
        established: () => observer.established(),
        interrupted: (error) => observer.interrupted(error),
        changed: (batch) => {
          if (!own.silent) observer.changed(batch);
        },
        ended: (reason, error) => observer.ended(reason, error),
      });
    },
    async write(...[write, options]: Parameters<Store["write"]>) {
      const fate = typeof own.fate === "function" ? own.fate(write) : own.fate;
      if (fate === "answered") {
        own.before?.(write);
        return store.write(write, options);
      }
      if (fate === "slow") {
        const result = await store.write(write, options);
        await delay(clock, 2_500);
        return result;
      }
      if (fate === "unanswered") await store.write(write, options);
      if (fate === "late") {
        clock.setTimeout(() => void store.write(write, options).catch(() => {}), 2_500);
      }
      throw new DiscoveryError("UNAVAILABLE", "the answer was lost");
    },
  };
  return new Proxy(store, {
    get(target, name) {
      if (name in own) return own[name as keyof typeof own];
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
    set: (_, name, value) => Reflect.set(own, name, value),
  }) as UnreliableStore;
}
