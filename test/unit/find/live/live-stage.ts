import { expect, onTestFinished } from "vitest";
import type { LiveOptions } from "../../../../src/find/live/live-options.ts";
import type { LivePool } from "../../../../src/find/live/live-pool.ts";
import { deleteHost, makeStage, putHost, service, type Stage } from "../stage.ts";

/** Live pools on a store in this process, with a clock that stands still and numbers that are no chance. */
export interface LiveStage extends Stage {
  /** A pool whose hosts are known. */
  ready(options?: LiveOptions): Promise<LivePool>;

  /** Hosts come, in this order. */
  put(...ids: readonly string[]): Promise<void>;

  /** Hosts go without a goodbye, as when their leases end. */
  expire(...ids: readonly string[]): Promise<void>;

  /** A host says goodbye, and goes. */
  unregister(id: string): Promise<void>;
}

/** Nothing is left of a stage once it is closed, and nothing went wrong that nobody was told of. */
async function close({ clock, context, holders, log, mirrors }: Stage): Promise<void> {
  mirrors.close();
  await mirrors.ended();
  await context.store.close();
  await clock.advance(0);
  expect(clock.timers).toBe(0);
  expect(holders()).toBe(0);
  expect(log.filter((line) => line.startsWith("error"))).toEqual([]);
}

/**
 * It is closed when the test has ended.
 *
 * @param seed of the numbers that stand for chance
 */
export function liveStage(seed = 1): LiveStage {
  const stage = makeStage(() => ({ random: numbers(seed) }));
  onTestFinished(() => close(stage));
  return {
    ...stage,
    async ready(options) {
      const pool = stage.mirrors.live(service, options);
      await pool.waitReady();
      return pool;
    },
    async put(...ids) {
      for (const id of ids) putHost(stage.store, id);
      await stage.settle();
    },
    async expire(...ids) {
      for (const id of ids) deleteHost(stage.store, id);
      await stage.settle();
    },
    async unregister(id) {
      putHost(stage.store, id, { draining: true });
      deleteHost(stage.store, id);
      await stage.settle();
    },
  };
}

/** Numbers from 0 up to 1 that look like chance and are the same each time ("mulberry32"). */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How often each of so many picks gives which host. */
export function tally(picks: number, pick: () => { readonly uuid: string }): Map<string, number> {
  const counts = new Map<string, number>();
  for (let count = 0; count < picks; count += 1) {
    const { uuid } = pick();
    counts.set(uuid, (counts.get(uuid) ?? 0) + 1);
  }
  return counts;
}

/** In their order. */
export function ids(hosts: Iterable<{ readonly uuid: string }>): string[] {
  return Array.from(hosts, ({ uuid }) => uuid);
}

export function code(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}
