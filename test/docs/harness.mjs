// Runs a program of the pages, with what pages take for granted: node harness.mjs program.js
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { Discovery } from "etcd-discovery";

const host = { privateHostname: "127.0.0.1", ports: { http: Number(process.env.HTTP_PORT) } };

/** Made when they are first asked for. */
const given = {
  discovery: () => new Discovery(),
  registration: () =>
    globalThis.discovery.register("given", { ...host, hostname: "127.0.0.1", public: true }),
  host: () => host,
  database: () => ({ ping: async () => {} }),
  call: () => async (address) => await (await fetch(`http://${address}/`)).text(),
  ca: () => process.env.TEST_CA,
};
for (const [name, make] of Object.entries(given)) {
  let value;
  Object.defineProperty(globalThis, name, { configurable: true, get: () => (value ??= make()) });
}

await import(pathToFileURL(resolve(process.argv[2])).href);
process.send("done", () => process.disconnect());
