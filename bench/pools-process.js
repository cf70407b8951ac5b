// @ts-check
// A process with many live pools. Arguments: the module of the client (of no concern here), the
// endpoint, what the services' names begin with, how many there are. It sends how long it took until
// all were ready, how much larger it is then than before, and how much larger once V8 has given back
// what only the beginning took; and ends when it is sent "leave" or when its parent is gone.
import { setTimeout as sleep } from "node:timers/promises";
import { Discovery } from "etcd-discovery";
import { cpuMs } from "./harness.js";

const [, endpoint = "", prefix = "", count = "1"] = process.argv.slice(2);
const discovery = new Discovery({ endpoints: [endpoint] });

async function obey() {
  await discovery.close();
  process.disconnect();
}

process.on("message", () => void obey());
process.once("disconnect", () => process.exit());
await discovery.services();
const keepsRunning = setInterval(() => {}, 60_000);
const before = await restingBytes();
const start = performance.now();
const startCpu = cpuMs();
const pools = Array.from({ length: Number(count) }, (_, index) =>
  discovery.live(`${prefix}${index}`),
);
await Promise.all(pools.map((pool) => pool.waitReady()));
const tookMs = performance.now() - start;
const spentMs = cpuMs() - startCpu;
const readyBytes = process.memoryUsage().rss - before;
const residentBytes = (await restingBytes()) - before;
clearInterval(keepsRunning);
process.send?.({ tookMs, spentMs, readyBytes, residentBytes });

/**
 * How large the process is at rest. V8 goes by what was allocated in the last five seconds when it
 * decides how much it lays by for new objects.
 */
async function restingBytes() {
  await sleep(6_000);
  for (let pass = 0; pass < 5; pass += 1) {
    globalThis.gc?.();
    await sleep(50);
  }
  return process.memoryUsage().rss;
}
