// @ts-check
// A process with hosts of a service: HTTP servers that answer at once, registered. Arguments: the module of
// the client (of no concern here), the endpoint, the service, how many. It sends the port of one of them,
// and ends when it is sent "leave" or when its parent is gone.
import { once } from "node:events";
import { createServer } from "node:http";
import { Discovery } from "etcd-discovery";

const [, endpoint = "", service = "", count = "1"] = process.argv.slice(2);
const discovery = new Discovery({ endpoints: [endpoint] });

async function start() {
  const server = createServer((_, response) => response.end("hello"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const host = { hostname: "127.0.0.1", ports: { http: port } };
  await discovery.register(service, host).waitRegistration();
  return port;
}

async function leave() {
  await discovery.close();
  process.exit();
}

process.on("message", () => void leave());
process.once("disconnect", () => process.exit());
const [port] = await Promise.all(Array.from({ length: Number(count) }, start));
process.send?.(port);
