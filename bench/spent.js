// @ts-check
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Does something, and tells how long it took, how much CPU time, and what it left on the heap once
 * everything that can be freed is freed. What it returns is kept until then.
 *
 * @param {() => Promise<unknown>} work
 */
export async function spent(work) {
  const before = await heapAfterCollection();
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const kept = [await work()];
  const tookMs = performance.now() - start;
  const cpu = process.cpuUsage(cpuBefore);
  const heapBytes = (await heapAfterCollection()) - before;
  kept.pop();
  return { tookMs, cpuMs: (cpu.user + cpu.system) / 1_000, heapBytes };
}

async function heapAfterCollection() {
  for (let pass = 0; pass < 3; pass += 1) {
    globalThis.gc?.();
    await sleep(20);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
