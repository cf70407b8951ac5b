import { setTimeout as sleep } from "node:timers/promises";
import type { Discovery } from "../../src/index.ts";

/** What became of lookups that were made in the background. */
export interface Lookups {
  /** How long the slowest took that has ended, in milliseconds. */
  readonly slowestMs: number;

  /** How many succeeded. */
  readonly succeeded: number;

  /** What those said that failed. */
  readonly failures: readonly unknown[];

  /** Starts no more, and waits for those under way. */
  stop(): Promise<void>;
}

/** Looks a service up every `everyMs`, without waiting for the answers before. */
export function lookUpAllTheTime(discovery: Discovery, service: string, everyMs = 50): Lookups {
  const stopped = new AbortController();
  const underWay = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let slowestMs = 0;
  let succeeded = 0;
  const look = async (): Promise<void> => {
    const startedAt = performance.now();
    try {
      await discovery.get(service).all();
      succeeded += 1;
    } catch (error) {
      failures.push(error);
    }
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
  };
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const lookup = look();
      underWay.add(lookup);
      void lookup.finally(() => underWay.delete(lookup));
      await sleep(everyMs);
    }
    await Promise.all(underWay);
  };
  const running = run();
  return {
    get slowestMs() {
      return slowestMs;
    },
    get succeeded() {
      return succeeded;
    },
    failures,
    async stop() {
      stopped.abort();
      await running;
    },
  };
}
