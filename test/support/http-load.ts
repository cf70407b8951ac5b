import { setTimeout as sleep } from "node:timers/promises";

/** Requests that are made without a pause, and what came of them. */
export interface HttpLoad {
  /** How long each took that was answered, in milliseconds, in the order of their ends. */
  readonly taken: readonly { readonly endedAt: number; readonly ms: number; readonly by: string }[];
  readonly failures: readonly unknown[];

  /** Ends it; resolves when the last request has ended. */
  stop(): Promise<void>;
}

/** Keeps so many requests under way; `ask` makes one and returns who answered. */
export function httpLoad(width: number, ask: () => Promise<string>): HttpLoad {
  const taken: { endedAt: number; ms: number; by: string }[] = [];
  const failures: unknown[] = [];
  let over = false;
  const worker = async (): Promise<void> => {
    while (!over) {
      const begun = performance.now();
      try {
        const by = await ask();
        const endedAt = performance.now();
        taken.push({ endedAt, ms: endedAt - begun, by });
      } catch (error) {
        failures.push(error);
        // Whatever fails, fails at once; the rest of the process has to live, too.
        await sleep(1);
      }
    }
  };
  const workers = Promise.all(Array.from({ length: width }, worker));
  return {
    taken,
    failures,
    async stop() {
      over = true;
      await workers;
    },
  };
}
