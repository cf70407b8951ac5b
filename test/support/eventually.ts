import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";

/**
 * Waits until `probe` neither throws nor returns false, and returns what it returned. Looks at
 * every turn of the event loop, or every `everyMs`, which leaves the machine to what is waited for,
 * and gives up after `withinMs` with what the last look said.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  withinMs = 5_000,
  everyMs?: number,
): Promise<Exclude<T, false>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    let failure: unknown;
    try {
      const result = await probe();
      if (result !== false) return result as Exclude<T, false>;
      failure = new Error(`the condition did not hold within ${withinMs} ms: ${String(probe)}`);
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) throw failure;
    await (everyMs === undefined ? turn() : sleep(everyMs));
  }
}
