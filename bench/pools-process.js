// @ts-check
// A process with many live pools. Arguments: the module of the client (of no concern here), the
// endpoint, what the services' names begin with, how many there are. It sends how long it took until
// all were ready, how large it was before, how large it is then, and how large once V8 has given back
// what only the beginning took; and ends when it is sent "leave" or when its parent is gone.
import { Discovery } from "etcd-discovery";
import { cpuMs } from "./harness.js";
import { restingBytes } from "./resting.js";

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
const ready = process.memoryUsage().rss;
const after = await restingBytes();
clearInterval(keepsRunning);
process.send?.({ tookMs, spentMs, before, ready, after });
