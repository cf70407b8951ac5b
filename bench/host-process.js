// @ts-check
// A process that registers hosts and keeps them, for the measures that need real ones. Arguments:
// the module of the client, the endpoint, the service, how many hosts. It registers when it is sent
// "register", tells its CPU time when it is sent "cpu", and leaves when it is sent "leave" or when its
// parent is gone.
import { setTimeout as sleep } from "node:timers/promises";
import { cpuMs, instant } from "./harness.js";

const [module = "", endpoint = "", service = "", count = "1"] = process.argv.slice(2);
/** @type {{ Client: typeof import("./ours.js").Ours | typeof import("./peer.js").Peer | typeof import("./v2-peer.js").PeerV2 }} */
const { Client } = await import(module);

/** What is resident once everything that can be freed is freed. */
async function residentAfterCollection() {
  for (let pass = 0; pass < 3; pass += 1) {
    globalThis.gc?.();
    await sleep(100);
  }
  return process.memoryUsage.rss();
}

/** @type {import("./ours.js").Ours | import("./peer.js").Peer | import("./v2-peer.js").PeerV2 | undefined} */
let client;

/** @param {unknown} message */
async function obey(message) {
  if (message === "leave") {
    await client?.close();
    process.disconnect();
    return;
  }
  if (message === "cpu") {
    process.send?.(cpuMs());
    return;
  }
  const startedAt = instant();
  client = new Client(endpoint);
  await client.registerHosts(service, Number(count));
  process.send?.({ startedAt, residentBytes: await residentAfterCollection() });
}

process.on("message", (message) => {
  obey(message).catch((error) => {
    console.error(`${module}: ${error.message}`);
    process.exit(1);
  });
});
process.once("disconnect", () => process.exit());
process.send?.("loaded");
