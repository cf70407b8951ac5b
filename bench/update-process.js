// @ts-check
// A process that follows a service. Arguments: the module of the client, the endpoint, the service,
// "events" or "views". It sends "ready"; each time that it is sent a shard it answers "go on", and
// when it was told of a host on that, how many milliseconds of CPU time it has used since. It ends
// when it is sent "leave" or when its parent is gone.
const [module = "", endpoint = "", service = "", way = ""] = process.argv.slice(2);
/** @type {{ Client: typeof import("./ours.js").Ours }} */
const { Client } = await import(module);
const client = new Client(endpoint);
let wanted = "";
let before = process.cpuUsage();

/** @param {readonly import("etcd-discovery").Host[]} hosts */
function changed(hosts) {
  if (!hosts.some(({ shard }) => shard === wanted)) return;
  const { user, system } = process.cpuUsage(before);
  process.send?.((user + system) / 1_000);
}

/** @param {unknown} message */
async function obey(message) {
  if (message === "leave") {
    await client.close();
    process.disconnect();
    return;
  }
  wanted = String(message);
  before = process.cpuUsage();
  process.send?.("go on");
}

process.on("message", (message) => void obey(message));
process.once("disconnect", () => process.exit());
await client.followChanges(service, way === "views" ? "views" : "events", changed);
process.send?.("ready");
