// @ts-check
// A process that picks from a live pool. Arguments: the module of the client (of no concern here), the
// strategy, how many hosts, how many picks. It sends how many millions of picks and urls it made in a
// second of CPU time, and how many bytes a pick alone allocates, and ends when it is sent "leave" or
// when its parent is gone.
import * as service from "etcd-discovery";
import { memoryStore } from "etcd-discovery/testing";
import { cpuMs } from "./harness.js";
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

// Of many requests, too, so that no url is the same as one that was asked for lately.
const paths = Array.from({ length: 4_096 }, (_, index) => `/u/${1_000 + index}`);

/**
 * Picks hosts and makes urls. To search in a string V8 has to put it together, if it is in parts.
 *
 * @param {number} count
 */
function pickAndBuild(count) {
  let sum = 0;
  for (let index = 0; index < count; index += 1) {
    const host = keyed ? pool.pick(requests[index & 4_095]) : pool.pick();
    const url = host.url("http", paths[index & 4_095]);
    sum += url.indexOf("?");
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

/**
 * How many bytes each of so many leaves on the heap, of which nothing is freed meanwhile.
 *
 * @param {(count: number) => unknown} work
 * @param {number} count
 */
function allocated(work, count) {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  work(count);
  return Math.max(0, process.memoryUsage().heapUsed - before) / count;
}

/** Throws if what was timed made no strings: each has a header of 16 bytes and its characters, and parts of strings that are not put together have neither. */
function assertStringsAreMade() {
  const least = 16 + pool.pick(requests[0]).url("http", paths[0]).length;
  const bytes = Math.max(...Array.from({ length: 5 }, () => allocated(pickAndBuild, 2_000)));
  if (bytes < least)
    throw new Error(`a url took ${bytes} bytes, and its string alone has ${least}`);
}

process.on("message", () => process.disconnect());
process.once("disconnect", () => process.exit());

pickAndBuild(Math.ceil(Number(picks) / 5));
const start = cpuMs();
pickAndBuild(Number(picks));
const seconds = (cpuMs() - start) / 1_000;
assertStringsAreMade();
for (let round = 0; round < 5; round += 1) pick(200_000);
const bytes = Math.min(...Array.from({ length: 3 }, () => allocated(pick, 200_000)));
process.send?.({ millions: Number(picks) / seconds / 1e6, bytes });
