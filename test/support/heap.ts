import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** What this process holds in memory, in bytes, once everything that can be freed is freed. */
export async function heapBytes(): Promise<number> {
  for (let pass = 0; pass < 4; pass += 1) {
    collectGarbage();
    // What was finalised frees more only in a later turn.
    await sleep(10);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
