// @ts-check
import { setTimeout as sleep } from "node:timers/promises";

/**
 * How large this process is at rest. V8 goes by what was allocated in the last five seconds, and since
 * it last collected, when it decides how much it lays by for new objects.
 */
export async function restingBytes() {
  globalThis.gc?.();
  await sleep(6_000);
  for (let pass = 0; pass < 5; pass += 1) {
    globalThis.gc?.();
    await sleep(50);
  }
  return process.memoryUsage().rss;
}
