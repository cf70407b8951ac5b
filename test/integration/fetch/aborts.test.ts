import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { request } from "undici";
import { expect, test } from "vitest";
import { Discovery } from "../../../src/index.ts";
import { ServiceClient } from "../../../src/integrations/fetch/index.ts";
import { memoryStore } from "../../../src/testing/index.ts";
import { eventually } from "../../support/eventually.ts";
import type { Answer } from "../../support/http-host.ts";
import { serviceStage } from "../../support/service-stage.ts";

const url = "http://api.discovery/";

/** One failure would do. */
const strict = { ejection: { failures: 1, maxShare: 1 } };

test("an abort is heard while the hosts are not known yet", async () => {
  const store = memoryStore();
  store.outage("silent");
  await using discovery = new Discovery({ store });
  await using client = new ServiceClient({ discovery });
  const { dispatcher } = client;
  const asks = [
    (signal: AbortSignal) => client.fetch(url, { signal }),
    (signal: AbortSignal) => request(url, { signal, dispatcher }),
  ];
  for (const ask of asks) {
    const abort = new AbortController();
    const asked = ask(abort.signal);
    abort.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
  }
});

test("an abort is heard while a connection is opened, and no request is sent later", async () => {
  await using stage = await serviceStage({}, strict);
  // Takes connections, and never shakes hands.
  const server = createServer((socket) => socket.on("error", () => {}).resume());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const host = { hostname: "127.0.0.1", ports: { https: port } };
  const registration = stage.discovery.register("api", host);
  await eventually(() => stage.pool.hosts.length === 1);
  const abort = new AbortController();
  const asked = stage.client.fetch("https://api.discovery/", { signal: abort.signal });
  await once(server, "connection");
  abort.abort();
  await expect(asked).rejects.toBe(abort.signal.reason);
  expect(stage.pool.ejected).toEqual([]);
  await registration.unregister();
  server.close();
});

test("an abort while the host thinks is no failure of the host, and closes the connection", async () => {
  await using stage = await serviceStage({}, strict);
  const host = await stage.start({ answer: () => {} });
  const abort = new AbortController();
  const asked = stage.client.fetch(url, { signal: abort.signal });
  await eventually(() => host.requests.length === 1);
  abort.abort(new Error("enough"));
  await expect(asked).rejects.toThrow("enough");
  await eventually(() => host.sockets[0]?.destroyed);
  expect(host.requests.length).toBe(1);
  expect(stage.pool.ejected).toEqual([]);
});

test("an abort during the body of a response, and a body that is cancelled, are no failure of the host", async () => {
  await using stage = await serviceStage({}, strict);
  const host = await stage.start({
    answer: (_, response) => void response.writeHead(200).write("begun"),
  });
  const abort = new AbortController();
  const response = await stage.client.fetch(url, { signal: abort.signal });
  const text = response.text();
  abort.abort();
  await expect(text).rejects.toBe(abort.signal.reason);
  await (await stage.client.fetch(url)).body?.cancel();
  const { body } = await request(url, { dispatcher: stage.client.dispatcher });
  body.on("error", () => {}).destroy();
  await eventually(() => host.sockets.slice(0, 3).every(({ destroyed }) => destroyed));
  expect(stage.pool.ejected).toEqual([]);
});

test("an abort between two attempts ends the request there", async () => {
  await using stage = await serviceStage();
  const answer: Answer = (_, response) => response.writeHead(503, { "retry-after": "1" }).end();
  const hosts = [await stage.start({ answer }), await stage.start({ answer })];
  const abort = new AbortController();
  const asked = stage.client.fetch(url, { signal: abort.signal });
  const seen = () => hosts.reduce((sum, { requests }) => sum + requests.length, 0);
  await eventually(() => seen() === 1);
  abort.abort();
  await expect(asked).rejects.toBe(abort.signal.reason);
  expect(seen()).toBe(1);
});

test("whoever has aborted already is not asked for anything", async () => {
  await using stage = await serviceStage();
  const host = await stage.start();
  const { client } = stage;
  const signal = AbortSignal.abort(new Error("before"));
  await expect(client.fetch(url, { signal })).rejects.toThrow("before");
  await expect(request(url, { signal, dispatcher: client.dispatcher })).rejects.toThrow("before");
  expect(host.requests.length).toBe(0);
  await client.fetch(url);
});
