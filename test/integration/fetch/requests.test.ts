import { Request, request } from "undici";
import { expect, test } from "vitest";
import { consistentHash, Discovery, roundRobin } from "../../../src/index.ts";
import { ServiceClient } from "../../../src/integrations/fetch/index.ts";
import { memoryStore } from "../../../src/testing/index.ts";
import { makeCertificates } from "../../support/certificates.ts";
import { startHost } from "../../support/http-host.ts";
import { ScriptedHttpServer } from "../../support/scripted-http-server.ts";
import { serviceStage } from "../../support/service-stage.ts";

const url = "http://api.discovery/path?a=1";

test("a url with the service's name leads to its hosts, by fetch, by undici and by the fetch of Node.js", async () => {
  await using discovery = new Discovery({ store: memoryStore() });
  await using one = await startHost(discovery, "api");
  await using two = await startHost(discovery, "api");
  await using client = new ServiceClient({ discovery, live: { strategy: roundRobin() } });
  const ports = [String(one.port), String(two.port)];

  const { fetch: discovered, dispatcher } = client;
  const responses = [await discovered(url), await discovered(new URL(url))];
  expect(responses.map((each) => each.url)).toEqual([url, url]);
  const texts = await Promise.all(responses.map((each) => each.text()));
  expect(texts.sort()).toEqual(ports.sort());

  const answer = await request(url, { dispatcher });
  expect(ports).toContain(await answer.body.text());
  const native = await fetch(url, { dispatcher } as object);
  expect(ports).toContain(await native.text());

  const { method, url: path, headers } = one.requests[0] ?? {};
  expect([method, path, headers?.host]).toEqual(["GET", "/path?a=1", `127.0.0.1:${one.port}`]);
  // Connections are kept: one after the other needs no two.
  expect([one.sockets.length, two.sockets.length]).toEqual([1, 1]);
});

test("requests to all other hosts go past, and redirects lead there and back", async () => {
  await using stage = await serviceStage();
  const host = await stage.start();
  await using other = await ScriptedHttpServer.start(({ url: path, response }) => {
    if (path === "/back") response.writeHead(302, { location: url }).end();
    else response.end("other");
  });
  host.answer = ({ url: path }, response) => {
    if (path === "/away") response.writeHead(302, { location: other.origin }).end();
    else response.end("host");
  };
  const text = async (from: string) => (await stage.client.fetch(from)).text();
  expect(await text(other.origin)).toBe("other");
  expect(await text(`${other.origin}/back`)).toBe("host");
  expect(await text("http://api.discovery/away")).toBe("other");
});

test("a pool may be given by hand, under another name, of one shard, and is left open", async () => {
  await using discovery = new Discovery({ store: memoryStore() });
  await using pool = discovery.live("My Service", { shard: "two" });
  await using one = await startHost(discovery, "My Service", { host: { shard: "one" } });
  await using two = await startHost(discovery, "My Service", { host: { shard: "two" } });
  await using client = new ServiceClient({ pools: { mine: pool }, suffix: ".internal.pool" });
  for (let count = 0; count < 4; count += 1) {
    expect((await client.fetch("http://MINE.internal.pool/")).status).toBe(200);
  }
  expect([one.requests.length, two.requests.length]).toEqual([0, 4]);
  await expect(client.fetch("http://yours.internal.pool/")).rejects.toMatchObject({
    code: "SERVICE_NOT_FOUND",
    message: 'there is no pool for "yours", but for mine',
  });
  await client.close();
  expect(pool.pick().shard).toBe("two");
});

test("options of live pools are given by the service's name", async () => {
  await using discovery = new Discovery({ store: memoryStore() });
  await using one = await startHost(discovery, "api", { host: { shard: "one" } });
  await using two = await startHost(discovery, "api", { host: { shard: "two" } });
  const asked: string[] = [];
  const live = (service: string) => {
    asked.push(service);
    return { shard: "two" };
  };
  await using client = new ServiceClient({ discovery, live });
  for (let count = 0; count < 3; count += 1) await client.fetch(url);
  expect(asked).toEqual(["api"]);
  expect([one.requests.length, two.requests.length]).toEqual([0, 3]);
});

test("the same key goes to the same host", async () => {
  await using stage = await serviceStage({}, { strategy: consistentHash() });
  for (let count = 0; count < 3; count += 1) await stage.start();
  const { client } = stage;
  const ask = async (key: string) => (await client.fetch(url, { key })).text();
  const keys = Array.from({ length: 20 }, (_, index) => `user-${index}`);
  const first = await Promise.all(keys.map(ask));
  expect(new Set(first).size).toBe(3);
  expect(await Promise.all(keys.map(ask))).toEqual(first);
  const [key = ""] = keys;
  const { body } = await request(url, { dispatcher: client.dispatcherFor({ key }) });
  expect(await body.text()).toBe(first[0]);
});

test("https goes to that port of the host, and asks for a certificate of its hostname", async () => {
  const { ca, server } = await makeCertificates();
  await using stage = await serviceStage({ tls: { ca: ca.cert } });
  const secure = await stage.start({ tls: server });
  const plain = await stage.start();
  const text = async (from: string) => (await stage.client.fetch(from)).text();
  for (let count = 0; count < 3; count += 1) {
    expect(await text("https://api.discovery/")).toBe(String(secure.port));
    expect(await text("http://api.discovery/")).toBe(String(plain.port));
  }
  expect(stage.pool.ejected).toEqual([]);

  const named = (servername: string) =>
    new ServiceClient({ pools: { api: stage.pool }, tls: { ca: ca.cert, servername } });
  await using local = named("localhost");
  expect((await local.fetch("https://api.discovery/")).status).toBe(200);
  await using foreign = named("example.com");
  await expect(foreign.fetch("https://api.discovery/")).rejects.toMatchObject({
    cause: { code: "ERR_TLS_CERT_ALTNAME_INVALID" },
  });
  await using strict = new ServiceClient({ pools: { api: stage.pool } });
  await expect(strict.fetch("https://api.discovery/")).rejects.toMatchObject({
    cause: { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
  });
});

test("hosts are reached by their private face where that is asked for", async () => {
  await using stage = await serviceStage({ face: "private" });
  const host = await stage.start({ host: { hostname: "public.invalid", public: true } });
  await stage.pool.waitReady();
  await host.registration.update({
    privateHostname: "127.0.0.1",
    privatePorts: { http: host.port },
  });
  expect(await (await stage.client.fetch(url)).text()).toBe(String(host.port));
});

test("headers of one name come as they are, with the fetch of Node.js, too", async () => {
  await using stage = await serviceStage();
  const cookies = ["a=1; expires=Mon, 01 Jan 2035 00:00:00 GMT", "b=2"];
  await stage.start({
    answer: (_, response) => response.writeHead(200, { "set-cookie": cookies }).end(),
  });
  const { dispatcher } = stage.client;
  const ours = await stage.client.fetch(url);
  expect(ours.headers.getSetCookie()).toEqual(cookies);
  const native = await fetch(url, { dispatcher } as object);
  expect(native.headers.getSetCookie()).toEqual(cookies);
  const { headers } = await request(url, { dispatcher });
  expect(headers["set-cookie"]).toEqual(cookies);
});

test("requests and forms of Node.js' own classes are taken, and those of undici", async () => {
  await using stage = await serviceStage();
  const host = await stage.start();
  const { client } = stage;
  const native = new globalThis.Request(url, {
    method: "POST",
    headers: { "x-one": "1" },
    body: "hello",
  });
  await client.fetch(native, { headers: { "x-two": "2" } });
  await client.fetch(new globalThis.Request(url, { headers: { "x-one": "1" } }));
  await client.fetch(new Request(url, { method: "PUT", body: "undici" }));
  const form = new globalThis.FormData();
  form.append("field", "value");
  form.append("file", new Blob(["content"]), "name.txt");
  await client.fetch(url, { method: "POST", body: form });

  const [first, second, third, fourth] = host.requests;
  expect([first?.method, first?.body.toString()]).toEqual(["POST", "hello"]);
  expect([first?.headers["x-one"], first?.headers["x-two"]]).toEqual([undefined, "2"]);
  expect(second?.headers["x-one"]).toBe("1");
  expect([third?.method, third?.body.toString()]).toEqual(["PUT", "undici"]);
  expect(fourth?.headers["content-type"]).toMatch(/^multipart\/form-data; boundary=/);
  for (const part of ['name="field"', "value", 'filename="name.txt"', "content"]) {
    expect(fourth?.body.toString()).toContain(part);
  }
});
