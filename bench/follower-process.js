// @ts-check
// A process that follows a service. Arguments: the module of the client, the endpoint, the service,
// how many followers. It sends "ready", and then, each time that all followers were told of a
// change, when the last of them was; when it is sent "cpu", its CPU time. It ends when it is sent
// "leave" or when its parent is gone.
import { cpuMs, instant } from "./harness.js";

const [module = "", endpoint = "", service = "", count = "1"] = process.argv.slice(2);
/** @type {{ Client: typeof import("./ours.js").Ours | typeof import("./peer.js").Peer | typeof import("./bare.js").Bare | typeof import("./v2-peer.js").PeerV2 | typeof import("./v2-bare.js").BareV2 }} */
const { Client } = await import(module);
const followers = Number(count);
const client = new Client(endpoint);
let told = 0;

function tell() {
  told += 1;
  if (told % followers === 0) process.send?.(instant());
}

/** @param {unknown} message */
async function obey(message) {
  if (message === "cpu") {
    process.send?.(cpuMs());
    return;
  }
  await client.close();
  process.disconnect();
}

process.on("message", (message) => void obey(message));
process.once("disconnect", () => process.exit());
const observer = { up: tell, down: tell };
await Promise.all(Array.from({ length: followers }, () => client.follow(service, observer)));
process.send?.("ready");
