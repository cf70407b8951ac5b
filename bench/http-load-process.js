// @ts-check
// A process that keeps requests to a service under way. Arguments: the module of the client (of no
// concern here), the endpoint, the service, the port of the host that is watched. Each time it is sent
// "tell" it sends what happened since the last time, and it ends when it is sent "leave" or when its
// parent is gone.
import { subscribe } from "node:diagnostics_channel";
import { Discovery } from "etcd-discovery";
import { ServiceClient } from "etcd-discovery/fetch";

const [, endpoint = "", service = "", port = ""] = process.argv.slice(2);
const width = 32;
const discovery = new Discovery({ endpoints: [endpoint] });
const client = new ServiceClient({ discovery });
const url = `http://${service}.discovery/hello`;
const open = new Set();
/** @type {number[]} */
let taken = [];
let failed = 0;
let failedAttempts = 0;
let over = false;

subscribe("undici:client:connected", (message) => {
  const { connectParams, socket } = /** @type {any} */ (message);
  if (connectParams.port !== port) return;
  open.add(socket);
  socket.once("close", () => open.delete(socket));
});
subscribe("undici:request:error", (message) => {
  const { request } = /** @type {any} */ (message);
  if (request.origin.endsWith(`:${port}`)) failedAttempts += 1;
});

async function work() {
  while (!over) {
    const begun = performance.now();
    try {
      await (await client.fetch(url)).text();
      taken.push(performance.now() - begun);
    } catch {
      failed += 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

function tell() {
  const sorted = taken.toSorted((left, right) => left - right);
  const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
  process.send?.({ answered: taken.length, failed, failedAttempts, open: open.size, p99 });
  taken = [];
  failed = 0;
  failedAttempts = 0;
}

async function leave() {
  over = true;
  await workers;
  await client.close();
  await discovery.close();
  process.disconnect();
}

process.on("message", (message) => void (message === "tell" ? tell() : leave()));
process.once("disconnect", () => process.exit());
const workers = Promise.all(Array.from({ length: width }, work));
process.send?.("working");
