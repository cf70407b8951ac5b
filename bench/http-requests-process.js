// @ts-check
// A process that makes HTTP requests as fast as it can. Arguments: the module of the contender, of which
// the name is what counts (ours.js: by the service's name; bare.js: undici, to one address), the endpoint,
// the service, a port, how many requests, and "fetch" or "request". It sends how many were answered a
// second, and a second of its CPU time, and ends when it is sent "leave" or when its parent is gone.
import { Discovery } from "etcd-discovery";
import { ServiceClient } from "etcd-discovery/fetch";
import { Agent, fetch, request } from "undici";
import { cpuMs, throughput } from "./harness.js";

const [module = "", endpoint = "", service = "", port = "", count = "1", by = ""] =
  process.argv.slice(2);
const width = 32;
const discovery = new Discovery({ endpoints: [endpoint] });
const client = new ServiceClient({ discovery });
const agent = new Agent({ connections: 100 });
const bare = `http://127.0.0.1:${port}/hello`;
const ours = `http://${service}.discovery/hello`;
const { dispatcher } = client;

/** @type {Record<string, () => Promise<string>>} */
const ways = {
  "./bare.js fetch": async () => (await fetch(bare, { dispatcher: agent })).text(),
  "./bare.js request": async () => (await request(bare, { dispatcher: agent })).body.text(),
  "./ours.js fetch": async () => (await client.fetch(ours)).text(),
  "./ours.js request": async () => (await request(ours, { dispatcher })).body.text(),
};
const ask = ways[`${module} ${by}`] ?? (() => Promise.reject(new Error(`no way by ${by}`)));

async function leave() {
  await Promise.all([client.close(), agent.close()]);
  await discovery.close();
  process.disconnect();
}

process.on("message", () => void leave());
process.once("disconnect", () => process.exit());
// Compilers have to settle.
await throughput(Number(count) / 2, width, ask);
const start = cpuMs();
const perSecond = await throughput(Number(count), width, ask);
process.send?.({ perSecond, perCpuSecond: (Number(count) / (cpuMs() - start)) * 1_000 });
