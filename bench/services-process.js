// @ts-check
// A process that follows many services. Arguments: the module of the client, the endpoint, what the
// services' names begin with, how many there are. It sends what that took, and ends when it is sent
// "leave" or when its parent is gone.
import { spent } from "./spent.js";

const [module = "", endpoint = "", prefix = "", count = "1"] = process.argv.slice(2);
/** @type {{ Client: typeof import("./ours.js").Ours | typeof import("./peer.js").Peer }} */
const { Client } = await import(module);
const client = new Client(endpoint);
const observer = { up() {}, down() {} };

async function obey() {
  await client.close();
  process.disconnect();
}

process.on("message", () => void obey());
process.once("disconnect", () => process.exit());
await client.follow("bench-no-hosts", observer);
const services = Array.from({ length: Number(count) }, (_, index) => `${prefix}${index}`);
process.send?.(
  await spent(() => Promise.all(services.map((service) => client.follow(service, observer)))),
);
