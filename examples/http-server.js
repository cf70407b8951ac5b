// @ts-check
// An HTTP server that registers itself, and leaves without a failed request.
import { once } from "node:events";
import { createServer } from "node:http";
import { Discovery } from "etcd-discovery";

const { PORT = "8080", PRIVATE_HOSTNAME } = process.env;

const server = createServer((request, response) => {
  response.end(request.url === "/health" ? "well\n" : `hello from ${process.pid}\n`);
});
server.listen(Number(PORT));
await once(server, "listening");
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());

// From ETCD_HOSTS. While etcd is away the server serves, and is registered once etcd is back.
const discovery = new Discovery({ logger: console });
const registration = discovery.register(
  "hello",
  { privateHostname: PRIVATE_HOSTNAME, ports: { http: port } }, // default: $HOSTNAME
  { check: { type: "http", hostname: "127.0.0.1", path: "/health" } },
);
registration.on("state", (state) => console.log(`${registration.uuid} is ${state}`));

/** @param {NodeJS.Signals} signal */
async function leave(signal) {
  // A second signal ends the process at once.
  process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
  // Draining: whoever follows the service sends new requests to others. Then the record goes.
  await registration.drain({ delayMs: 2_000 });
  // Requests that are under way have ten seconds to end; connections that idle are closed.
  const closed = once(server, "close");
  server.close();
  setTimeout(() => server.closeAllConnections(), 10_000).unref();
  await closed;
  await discovery.close();
  // So that whoever sent the signal sees that it was obeyed.
  process.kill(process.pid, signal);
}
/** @param {NodeJS.Signals} signal */
const onSignal = (signal) => void leave(signal);
process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
