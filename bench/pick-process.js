// @ts-check
// A process that picks from a live pool. Arguments: the module of the client (of no concern here), the
// strategy, how many hosts, how many picks. It sends how many millions of picks and urls it made a
// second, and how many bytes a pick alone allocates, and ends when it is sent "leave" or when its
// parent is gone.
import * as service from "etcd-discovery";
import { memoryStore } from "etcd-discovery/testing";
import { hostRecord } from "./host-record.js";

const [, strategy = "", hosts = "1", picks = "1"] = process.argv.slice(2);
const store = memoryStore();
for (let index = 0; index < Number(hosts); index += 1) {
  const id = `${crypto.randomUUID()}-node-${index}.internal`;
  const record = { ...JSON.parse(hostRecord("bench", id)), weight: 1 + (index % 3) };
  store.put("bench", { kind: "host", id }, JSON.stringify(record));
}
/** @type {Record<string, () => service.Strategy>} */
const strategies = {
  random: service.random,
  roundRobin: service.roundRobin,
  weighted: service.weighted,
  leastBusy: service.leastBusy,
  consistentHash: service.consistentHash,
};
const discovery = new service.Discovery({ store });
const pool = discovery.live("bench", { strategy: strategies[strategy]?.() });
await pool.waitReady();

// As a server has them: many, made before, each with its own request.
const requests = Array.from({ length: 4_096 }, (_, index) => ({ key: `user-${index}` }));
const keyed = strategy === "consistentHash";

/** @param {number} count */
function pickAndBuild(count) {
  let sum = 0;
  for (let index = 0; index < count; index += 1) {
    const host = keyed ? pool.pick(requests[index & 4_095]) : pool.pick();
    const url = host.url("http", "/health");
    // It is no number, but whoever wants to know has to put the parts of the string together.
    sum += Number(url) | 0;
  }
  return sum;
}

/** @param {number} count */
function pick(count) {
  let weight = 0;
  for (let index = 0; index < count; index += 1) {
    weight += (keyed ? pool.pick(requests[index & 4_095]) : pool.pick()).weight;
  }
  return weight;
}

/** How many bytes so many picks leave on the heap, none of which is freed meanwhile. */
function allocated(count = 200_000) {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  pick(count);
  return Math.max(0, process.memoryUsage().heapUsed - before) / count;
}

process.on("message", () => process.disconnect());
process.once("disconnect", () => process.exit());

pickAndBuild(Math.ceil(Number(picks) / 5));
const start = performance.now();
pickAndBuild(Number(picks));
const seconds = (performance.now() - start) / 1_000;
for (let round = 0; round < 5; round += 1) pick(200_000);
const bytes = Math.min(allocated(), allocated(), allocated());
process.send?.({ millions: Number(picks) / seconds / 1e6, bytes });
