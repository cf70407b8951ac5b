// @ts-check
// A process that wants all hosts of a service, after it had all of one that has none. Arguments: the
// module of the client, the endpoint, the service. It sends what that took, and ends when it is sent
// "leave" or when its parent is gone.
import { spent } from "./spent.js";

const [module = "", endpoint = "", service = ""] = process.argv.slice(2);
/** @type {{ Client: typeof import("./ours.js").Ours | typeof import("./peer.js").Peer | typeof import("./bare.js").Bare }} */
const { Client } = await import(module);
const client = new Client(endpoint);

async function obey() {
  await client.close();
  process.disconnect();
}

process.on("message", () => void obey());
process.once("disconnect", () => process.exit());
await client.firstView("bench-no-hosts");
process.send?.(await spent(() => client.firstView(service)));
