import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { isDiscoveryError } from "../../../src/errors.ts";
import { isKeysError } from "../../../src/store/etcd2/keys-api.ts";
import { clientOf, patiently, reasonOf, record } from "../../support/etcd2-client.ts";
import { eventually } from "../../support/eventually.ts";
import {
  type HttpScript,
  type ScriptedRequest,
  ScriptedHttpServer,
} from "../../support/scripted-http-server.ts";

const get = { method: "GET", key: "/a" } as const;
const put = { method: "PUT", key: "/a", parameters: { value: "v" } } as const;
const shortly = { ...patiently, timeoutMs: 600 };
const once = { ...patiently, repeatable: false };
const headers = { "x-etcd-index": "7", "x-etcd-cluster-id": "c0ffee" };
const node = { key: "/a", value: "v", modifiedIndex: 5, createdIndex: 5 };
const serve = (request: ScriptedRequest): void =>
  request.json(200, { action: "get", node }, headers);

/** What has to be written to end a head that etcd would send. */
const json = { "content-type": "application/json", ...headers };

test.each<[string, HttpScript]>([
  ["the page of a 404", ({ response }) => response.writeHead(404).end("404 page not found\n")],
  ["a page", ({ response }) => response.writeHead(200, { "content-type": "text/html" }).end("<p>")],
  ["JSON of something else", (request) => request.json(200, { health: "true" })],
  ["JSON that is no object", (request) => request.json(200, null)],
  ["a list", (request) => request.json(200, [])],
  ["an empty answer", ({ response }) => response.writeHead(200).end()],
  ["no content", ({ response }) => response.writeHead(204).end()],
  ["another 404 in JSON", (request) => request.json(404, { message: "no such route" })],
  ["a forbidden way", ({ response }) => response.writeHead(405).end("Method Not Allowed")],
  [
    "a redirect, which is not followed",
    ({ response }) => response.writeHead(307, { location: "http://127.0.0.1:1/" }).end("<a>"),
  ],
  ["an action without a node", (request) => request.json(200, { action: "get" }, headers)],
  [
    "a node without an index",
    (request) => request.json(200, { action: "get", node: { key: "/a" } }, headers),
  ],
  [
    "an index that is no number",
    (request) => request.json(200, { action: "get", node: { ...node, modifiedIndex: "5" } }),
  ],
  [
    "a value that is no string",
    (request) => request.json(200, { action: "get", node: { ...node, value: { a: 1 } } }),
  ],
  [
    "nodes that are no list",
    (request) => request.json(200, { action: "get", node: { ...node, nodes: { a: 1 } } }),
  ],
  [
    "a node in a node that is none",
    (request) => request.json(200, { action: "get", node: { ...node, nodes: [7] } }),
  ],
])("%s: one clear error, at once, and no loop", async (_what, script) => {
  await using server = await ScriptedHttpServer.start(script);
  await using client = clientOf([server.origin]);
  const startedAt = performance.now();
  const error = await reasonOf(client.call('read "/a"', get, patiently));
  // Not when its time is up.
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  expect(error).toMatchObject({ code: "UNAVAILABLE" });
  expect(String(error)).toContain("does not serve etcd's v2 API");
  expect(String(error)).toContain("--enable-v2");
  expect(String(error)).toContain("api: 3");
  expect(server.requests.length).toBe(1);
  for (let i = 0; i < 20; i += 1) await reasonOf(client.call('read "/a"', get, patiently));
  expect(server.requests.length).toBeLessThan(12);
  // A poll waits with the others.
  using poll = record(client, { key: "/a", recursive: true, from: 1 });
  await eventually(() => poll.ends.length === 1);
  expect(poll.ends[0]).toMatchObject({ code: "UNAVAILABLE" });
  expect(String(poll.ends[0])).toContain("--enable-v2");
  expect(client.status).toMatchObject({ endpoint: undefined });
  expect(client.status.failure?.message).toContain("--enable-v2");
});

test("etcd that was started again with the v2 API is used again", async () => {
  await using server = await ScriptedHttpServer.start(({ response }) =>
    response.writeHead(404).end("404 page not found\n"),
  );
  await using client = clientOf([server.origin]);
  await reasonOf(client.reach(shortly));
  server.script = serve;
  await eventually(async () => (await client.call("read", get, shortly)).node.value === "v");
  expect(client.status.endpoint).toBe(server.origin);
});

test.each<[string, HttpScript]>([
  ["503", (request) => request.json(503, { message: "During election" })],
  ["500", ({ response }) => response.writeHead(500).end("Internal Server Error")],
  ["a gateway's page", ({ response }) => response.writeHead(502).end("<html>")],
  ["too many requests", ({ response }) => response.writeHead(429).end()],
  ["raft", (request) => request.json(500, { errorCode: 300, message: "Raft Internal Error" })],
  ["election", (request) => request.json(500, { errorCode: 301, message: "Leader Elect" })],
  ["a reset", (request) => request.reset()],
  ["an end", ({ socket }) => socket.destroy()],
  [
    "an answer cut short",
    ({ response, socket }) => {
      response.writeHead(200, { ...json, "content-length": "200" });
      response.write('{"action":"get"', () => socket.destroy());
    },
  ],
  [
    "chunks cut short",
    ({ response, socket }) => {
      response.writeHead(200, json);
      response.write(JSON.stringify({ action: "get", node }), () => socket.destroy());
    },
  ],
  ["no HTTP", ({ socket }) => socket.end("SSH-2.0-OpenSSH\r\n")],
])("%s: another endpoint is asked, or it is unavailable", async (_what, script) => {
  await using bad = await ScriptedHttpServer.start(script);
  await using good = await ScriptedHttpServer.start(serve);
  await using client = clientOf([bad.origin, good.origin]);
  expect(await client.call("read", get, patiently)).toMatchObject({ node, index: 7 });
  expect(bad.requests).toHaveLength(1);
  expect(client.status).toMatchObject({ endpoint: good.origin, revision: 7 });
  await using alone = clientOf([bad.origin]);
  expect(await reasonOf(alone.call("read", get, shortly))).toMatchObject({
    code: "UNAVAILABLE",
    retryable: true,
  });
  // Whatever was sent may have had an effect, so that it is sent once.
  await using careful = clientOf([bad.origin, good.origin]);
  expect(await reasonOf(careful.call("write", put, once))).toMatchObject({ code: "UNAVAILABLE" });
  // A last GET, given up for want of time, may come only now.
  expect(bad.requests.filter(({ method }) => method === "PUT")).toHaveLength(1);
  expect(good.requests).toHaveLength(1);
});

test("silence: another endpoint is asked, or it is a timeout in time", async () => {
  await using silent = await ScriptedHttpServer.start(() => {});
  await using good = await ScriptedHttpServer.start(serve);
  await using client = clientOf([silent.origin, good.origin]);
  expect(await client.call("read", get, shortly)).toMatchObject({ node });
  await using alone = clientOf([silent.origin]);
  const startedAt = performance.now();
  const error = await reasonOf(alone.call("read", get, shortly));
  expect(performance.now() - startedAt).toBeLessThan(1_500);
  expect(isDiscoveryError(error, "TIMEOUT")).toBe(true);
  await eventually(() => silent.open === 0);
});

test("an answer that stops in the middle is silence, too", async () => {
  await using server = await ScriptedHttpServer.start(({ response }) => {
    response.writeHead(200, json);
    response.write('{"action":');
  });
  await using client = clientOf([server.origin]);
  expect(await reasonOf(client.call("read", get, shortly))).toMatchObject({ code: "TIMEOUT" });
});

test("what etcd says of the keys is told as it says it", async () => {
  await using server = await ScriptedHttpServer.start((request) =>
    request.json(412, { errorCode: 101, message: "Compare failed", cause: "[1 != 5]", index: 7 }),
  );
  await using client = clientOf([server.origin]);
  const error = await reasonOf(client.call("write", put, once));
  expect(isKeysError(error, 101)).toBe(true);
  expect(error).toMatchObject({ errorCode: 101, index: 7 });
  expect(String(error)).toContain("Compare failed: [1 != 5]");
  expect(client.status.endpoint).toBe(server.origin);
});

test.each([107, 202, 209, 211])("code %d is an invalid argument", async (errorCode) => {
  await using server = await ScriptedHttpServer.start((request) =>
    request.json(400, { errorCode, message: "no", index: 0 }),
  );
  await using client = clientOf([server.origin]);
  expect(await reasonOf(client.call("write", put, once))).toMatchObject({
    code: "INVALID_ARGUMENT",
  });
});

test("a cluster id that something has left out is not needed", async () => {
  await using server = await ScriptedHttpServer.start((request) =>
    request.json(200, { action: "get", node, prevNode: null }, { "x-etcd-index": "7" }),
  );
  await using client = clientOf([server.origin]);
  expect(await client.call("read", get, patiently)).toEqual({ action: "get", node, index: 7 });
  expect(client.status.revision).toBe(7);
});

test("an index that something has left out is missed where it is needed, instead of changes being missed", async () => {
  await using server = await ScriptedHttpServer.start((request) => {
    if (request.url.includes("wait=true")) {
      const common = { "content-type": "application/json" };
      request.response.writeHead(200, common).write(JSON.stringify({ action: "set", node }));
    } else request.json(200, { action: "get", node });
  });
  await using client = clientOf([server.origin]);
  using poll = record(client, { key: "/a", recursive: true, from: 5 });
  await eventually(() => poll.ends.length === 1);
  expect(poll).toMatchObject({ opened: [], events: [], ends: [{ code: "UNAVAILABLE" }] });
  const error = await reasonOf(client.call("read", get, patiently));
  expect(error).toMatchObject({ code: "UNAVAILABLE" });
  expect(String(error)).toContain("X-Etcd-Index");
  // What was written has its index in the answer itself.
  await using writer = clientOf([server.origin]);
  expect(await writer.call("write", put, once)).toMatchObject({ node, index: 5 });
});

test("an answer that is too large is refused, and ends its connection", async () => {
  const mebibyte = Buffer.alloc(2 ** 20, " ");
  await using server = await ScriptedHttpServer.start(({ response }) => {
    response.writeHead(200, json);
    // By Node.js 24 a response whose connection is gone tells only its writes, and at once.
    const more = (error?: Error | null): void => {
      if (!error && !response.destroyed) response.write(mebibyte, more);
    };
    more();
  });
  await using client = clientOf([server.origin]);
  const error = await reasonOf(client.call("read", get, { ...patiently, timeoutMs: 30_000 }));
  expect(error).toMatchObject({ code: "UNAVAILABLE" });
  expect(String(error)).toContain("bytes");
  await eventually(() => server.open === 0);
});

test("a kept connection that the server has given up is no failure for what may be repeated", async () => {
  await using server = await ScriptedHttpServer.start(serve);
  await using client = clientOf([server.origin]);
  await client.call("read", get, patiently);
  server.script = ({ response }) => response.writeHead(200, json).flushHeaders();
  // It would end if the endpoint were left.
  using poll = record(client, { key: "/a", recursive: true, from: 8 });
  await eventually(() => poll.opened.length === 1);
  server.script = (request) => {
    // Whatever comes on the first connection comes too late.
    if (request.socket === server.sockets[0]) request.reset();
    else serve(request);
  };
  expect(await client.call("read", get, patiently)).toMatchObject({ node });
  expect(server.sockets).toHaveLength(3);
  await client.call("read", get, patiently);
  expect(poll.ends).toEqual([]);

  server.script = (request) => request.reset();
  const sent = server.requests.length;
  const error = await reasonOf(client.call("write", put, once));
  expect(error).toMatchObject({ code: "UNAVAILABLE", cause: { neverSent: false } });
  expect(server.requests).toHaveLength(sent + 1);
});

test("a kept connection that fails once more after it was given up does no harm to the request that took its place", async () => {
  const sockets: Socket[] = [];
  const opened = (message: unknown): void =>
    void sockets.push((message as { socket: Socket }).socket);
  subscribe("net.client.socket", opened);
  onTestFinished(() => void unsubscribe("net.client.socket", opened));
  await using server = await ScriptedHttpServer.start(serve);
  await using client = clientOf([server.origin]);
  await client.call("read", get, patiently);
  const [first] = sockets;
  let failed = 0;
  server.script = (request) => {
    if (request.socket !== server.sockets[0]) {
      serve(request);
      return;
    }
    // As where the rest of what lies in it cannot be written, either.
    first?.on("end", () => {
      failed += first.listenerCount("error");
      first.emit("error", new Error("late"));
    });
    request.socket.end();
  };
  expect(await client.call("read", get, patiently)).toMatchObject({ node });
  // That of the request was among them.
  expect(failed).toBeGreaterThan(1);
  expect(server.sockets).toHaveLength(2);
  await eventually(() => server.open === 1);
});

test("one signal ends what it was given to, with its reason", async () => {
  await using server = await ScriptedHttpServer.start(() => {});
  await using client = clientOf([server.origin]);
  const controller = new AbortController();
  const { signal } = controller;
  const calls = [
    client.call("read", get, { ...patiently, signal }),
    client.reach({ ...patiently, signal }),
  ].map(reasonOf);
  await eventually(() => server.requests.length === 2);
  const reason = new Error("enough");
  controller.abort(reason);
  expect(await Promise.all(calls)).toEqual([reason, reason]);
  await eventually(() => server.open === 0);
});

test("closing ends everything: calls with CLOSED, polls without a word", async () => {
  await using server = await ScriptedHttpServer.start((request) => {
    if (request.url.includes("wait=true")) request.response.writeHead(200, json).flushHeaders();
  });
  const client = clientOf([server.origin]);
  const call = reasonOf(client.call("read", get, patiently));
  using poll = record(client, { key: "/a", recursive: true, from: 1 });
  await eventually(() => server.requests.length === 2 && poll.opened.length === 1);
  await client.close();
  expect(await call).toMatchObject({ code: "CLOSED" });
  expect(poll.ends).toEqual([]);
  await eventually(() => server.open === 0);
  expect(await reasonOf(client.call("read", get, patiently))).toMatchObject({ code: "CLOSED" });
  expect(await reasonOf(client.reach(patiently))).toMatchObject({ code: "CLOSED" });
  using late = record(client, { key: "/a", recursive: true, from: 1 });
  await client.close();
  expect(late.ends).toEqual([]);
});

describe("a put of which only the index is wanted", () => {
  const refresh = {
    method: "PUT",
    key: "/a b%",
    parameters: { ttl: "5", refresh: "true" },
  } as const;

  test.each<[string, HttpScript]>([
    ["by the header", (request) => request.json(200, { action: "set" }, { "x-etcd-index": "5" })],
    [
      "by the node, as an older etcd tells it",
      (request) => request.json(200, { action: "set", node }),
    ],
  ])("has it %s", async (_how, script) => {
    await using server = await ScriptedHttpServer.start(script);
    await using client = clientOf([server.origin]);
    expect(await client.put("write", put, once)).toBe(5);
  });

  test("is none of etcd's where there is neither", async () => {
    await using server = await ScriptedHttpServer.start((request) =>
      request.json(200, { action: "set" }),
    );
    await using client = clientOf([server.origin]);
    expect(String(await reasonOf(client.put("write", put, once)))).toContain("--enable-v2");
  });

  test("has its value in the body, since a URL is logged, and without one no body", async () => {
    await using server = await ScriptedHttpServer.start((request) =>
      request.json(200, { action: "set" }, headers),
    );
    await using client = clientOf([server.origin]);
    await client.put("write", { ...put, parameters: { value: "pass/word&", ttl: "5" } }, once);
    await client.put("refresh", refresh, once);
    const sent = server.requests.map(({ url, body }) => ({
      url,
      form: [...new URLSearchParams(body)],
    }));
    expect(sent).toEqual([
      {
        url: "/v2/keys/a",
        form: [
          ["value", "pass/word&"],
          ["ttl", "5"],
          ["noValueOnSuccess", "true"],
        ],
      },
      { url: "/v2/keys/a%20b%25?ttl=5&refresh=true&noValueOnSuccess=true", form: [] },
    ]);
  });
});
