// @ts-check
// A process with many live pools. Arguments: the module of the client (of no concern here), the
// endpoint, what the services' names begin with, how many there are. It sends how long it took until
// all were ready, and how much larger it is than before, and ends when it is sent "leave" or when its
// parent is gone.
import { Discovery } from "etcd-discovery";
import { spent } from "./spent.js";

const [, endpoint = "", prefix = "", count = "1"] = process.argv.slice(2);
const discovery = new Discovery({ endpoints: [endpoint] });

async function obey() {
  await discovery.close();
  process.disconnect();
}

process.on("message", () => void obey());
process.once("disconnect", () => process.exit());
await discovery.services();
globalThis.gc?.();
const before = process.memoryUsage().rss;
const { tookMs } = await spent(async () => {
  const pools = Array.from({ length: Number(count) }, (_, index) =>
    discovery.live(`${prefix}${index}`),
  );
  await Promise.all(pools.map((pool) => pool.waitReady()));
  return pools;
});
process.send?.({ tookMs, residentBytes: process.memoryUsage().rss - before });
