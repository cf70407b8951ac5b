import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { request } from "undici";
import { expect, test } from "vitest";
import { roundRobin } from "../../../src/index.ts";
import { eventually } from "../../support/eventually.ts";
import type { Answer, HttpHost } from "../../support/http-host.ts";
import { type ServiceStage, serviceStage } from "../../support/service-stage.ts";

const url = "http://api.discovery/";

/** Turns, so that of two hosts the first is asked first. */
const live = { strategy: roundRobin() };

const reset: Answer = ({ socket }) => void socket.resetAndDestroy();
/** What undici calls a connection that breaks. */
const broken = /ECONNRESET|EPIPE|UND_ERR_SOCKET/;

const silence: Answer = () => {};

/** A host in front that does as told, and one that answers. */
async function pair(stage: ServiceStage, answer: Answer): Promise<[HttpHost, HttpHost]> {
  const bad = await stage.start({ answer });
  return [bad, await stage.start()];
}

/** A port where nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function* pieces(...all: string[]): AsyncGenerator<Uint8Array> {
  for (const piece of all) yield Buffer.from(piece);
}

test("where nobody listens nothing was sent: any request goes to another host, and all of its body", async () => {
  await using stage = await serviceStage({}, live);
  const { client, discovery, pool } = stage;
  const bodies = [
    { body: "text" },
    { body: new ReadableStream({ start: (to) => (to.enqueue(Buffer.from("text")), to.close()) }) },
    { body: pieces("te", "xt") },
  ];
  for (const { body } of bodies) {
    const ports = { http: await freePort() };
    const dead = discovery.register("api", { hostname: "127.0.0.1", ports });
    await eventually(() => pool.hosts.length === 1);
    await using host = await stage.start();
    const response = await client.fetch(url, { method: "POST", body, duplex: "half" });
    expect(await response.text()).toBe(String(host.port));
    expect(host.requests.map((each) => each.body.toString())).toEqual(["text"]);
    // One refusal is enough.
    expect(pool.ejected.map(({ uuid }) => uuid)).toEqual([dead.uuid]);
    await dead.unregister();
    await host.registration.unregister();
    await eventually(() => pool.hosts.length === 0);
  }
});

test.each([
  ["GET", undefined],
  ["HEAD", undefined],
  ["OPTIONS", undefined],
  ["DELETE", undefined],
  ["DELETE", "text"],
  ["PUT", "text"],
  ["PUT", Buffer.from("text")],
  ["PUT", new Uint8Array(Buffer.from("text")).buffer],
  ["PUT", new Blob(["text"])],
  ["PUT", new URLSearchParams({ te: "xt" })],
])("a %s whose connection breaks goes to another host (%s)", async (method, body) => {
  await using stage = await serviceStage({}, live);
  const [bad, good] = await pair(stage, reset);
  const sent = { method, ...(body === undefined ? {} : { body }) };
  expect((await stage.client.fetch(url, sent)).status).toBe(200);
  expect([bad.requests.length, good.requests.length]).toEqual([1, 1]);
  expect(good.requests[0]?.body).toEqual(bad.requests[0]?.body);
  expect(good.requests[0]?.body.length).toBe(
    body === undefined ? 0 : body instanceof URLSearchParams ? 5 : 4,
  );
});

test.each([
  ["POST", "text"],
  ["PATCH", "text"],
  ["POST", undefined],
])("a %s whose connection breaks is never sent twice (%s)", async (method, body) => {
  await using stage = await serviceStage({}, live);
  const [bad, good] = await pair(stage, reset);
  const { client } = stage;
  const sent = { method, ...(body === undefined ? {} : { body }) };
  await expect(client.fetch(url, sent)).rejects.toThrow("fetch failed");
  await expect(
    request(url, { ...sent, body: body ?? null, dispatcher: client.dispatcher }),
  ).resolves.toMatchObject({ statusCode: 200 });
  expect([bad.requests.length, good.requests.length]).toEqual([1, 1]);
});

test("a body that can be read only once is never sent twice; whoever says that it may be, decides", async () => {
  await using stage = await serviceStage({}, live);
  const [bad, good] = await pair(stage, reset);
  const { client } = stage;
  const put = { method: "PUT", body: pieces("text"), duplex: "half" } as const;
  await expect(client.fetch(url, put)).rejects.toThrow("fetch failed");
  expect([bad.requests.length, good.requests.length]).toEqual([1, 0]);
  await client.fetch(url);
  expect([bad.requests.length, good.requests.length]).toEqual([1, 1]);

  await client.fetch(url, { method: "POST", body: "text", idempotent: true });
  expect([bad.requests.length, good.requests.length]).toEqual([2, 2]);
  expect(good.requests[1]?.body.toString()).toBe("text");
  const once = { idempotent: false };
  await client.fetch(url);
  await expect(client.fetch(url, once)).rejects.toThrow("fetch failed");
});

test("undici's own requests are tried again, too, with strings and bytes, and not with streams", async () => {
  await using stage = await serviceStage({}, live);
  const [bad, good] = await pair(stage, reset);
  const { dispatcher } = stage.client;
  for (const body of ["text", Buffer.from("text")]) {
    const { statusCode } = await request(url, { method: "PUT", body, dispatcher });
    expect(statusCode).toBe(200);
  }
  expect([bad.requests.length, good.requests.length]).toEqual([2, 2]);
  const source = Readable.from(["te", "xt"]);
  await expect(request(url, { method: "PUT", body: source, dispatcher })).rejects.toMatchObject({
    code: expect.stringMatching(broken) as string,
  });
  expect([bad.requests.length, good.requests.length]).toEqual([3, 2]);
  await eventually(() => source.destroyed);
});

test("at most two more hosts are asked", async () => {
  await using stage = await serviceStage({}, live);
  const hosts = [];
  for (let count = 0; count < 4; count += 1) hosts.push(await stage.start({ answer: reset }));
  await expect(stage.client.fetch(url)).rejects.toMatchObject({
    cause: { code: expect.stringMatching(broken) as string },
  });
  expect(hosts.map(({ requests }) => requests.length)).toEqual([1, 1, 1, 0]);
});

test.each([502, 503, 504])(
  "a host that answers %d is passed over, if the request may be sent twice",
  async (status) => {
    await using stage = await serviceStage({}, live);
    const [bad, good] = await pair(stage, (_, response) => response.writeHead(status).end("bad"));
    const { client } = stage;
    expect(await (await client.fetch(url)).text()).toBe(String(good.port));
    const posted = await client.fetch(url, { method: "POST" });
    expect([posted.status, await posted.text()]).toEqual([status, "bad"]);
    expect([bad.requests.length, good.requests.length]).toEqual([2, 1]);
    // When there is nobody else, that is the answer.
    good.answer = bad.answer;
    const both = await client.fetch(url);
    expect([both.status, await both.text()]).toEqual([status, "bad"]);
  },
);

test.each([500, 501, 429, 404])(
  "an answer of %d is the caller's, and says nothing against the host",
  async (status) => {
    await using stage = await serviceStage({}, { ...live, ejection: { failures: 1 } });
    const [bad, good] = await pair(stage, (_, response) => response.writeHead(status).end("bad"));
    const { client, pool } = stage;
    for (const expected of [status, 200, status]) {
      expect((await client.fetch(url)).status).toBe(expected);
    }
    expect(pool.ejected).toEqual([]);
    expect([bad.requests.length, good.requests.length]).toEqual([2, 1]);
  },
);

test("a host that asks to wait a little is given the time, and one that asks for more is believed", async () => {
  await using stage = await serviceStage({}, live);
  let after = "1";
  const [bad, good] = await pair(stage, (_, response) =>
    response.writeHead(503, { "retry-after": after }).end("bad"),
  );
  const { client } = stage;
  const begun = performance.now();
  expect((await client.fetch(url)).status).toBe(200);
  expect(performance.now() - begun).toBeGreaterThanOrEqual(990);
  after = "30";
  const statuses = [(await client.fetch(url)).status];
  after = new Date(Date.now() + 60_000).toUTCString();
  await client.fetch(url);
  statuses.push((await client.fetch(url)).status);
  expect(statuses).toEqual([503, 503]);
  after = "0";
  await client.fetch(url);
  expect((await client.fetch(url)).status).toBe(200);
  expect([bad.requests.length, good.requests.length]).toEqual([4, 4]);
});

test("a host that hangs is given up after the time of an attempt, and left alone after five", async () => {
  await using stage = await serviceStage({ attemptTimeoutMs: 150 }, live);
  const [bad, good] = await pair(stage, silence);
  const { client, pool } = stage;
  for (let count = 0; count < 12; count += 1) {
    expect(await (await client.fetch(url)).text()).toBe(String(good.port));
  }
  expect(bad.requests.length).toBe(5);
  expect(pool.ejected.map(({ uuid }) => uuid)).toEqual([bad.registration.uuid]);
});

test("a POST to a host that hangs fails after the time of an attempt, and is not sent again", async () => {
  await using stage = await serviceStage({}, live);
  const [bad, good] = await pair(stage, silence);
  const sent = { method: "POST", body: "text", attemptTimeoutMs: 150 };
  await expect(stage.client.fetch(url, sent)).rejects.toMatchObject({
    cause: {
      code: "UND_ERR_HEADERS_TIMEOUT",
      message: `http://127.0.0.1:${bad.port} did not answer within 150 ms`,
    },
  });
  expect([bad.requests.length, good.requests.length]).toEqual([1, 0]);
});

test("who waits for one of few connections to a host that hangs is sent on when the first is given up", async () => {
  await using stage = await serviceStage({ attemptTimeoutMs: 300, connections: 1 }, live);
  const bad = await stage.start({ answer: silence });
  const { client } = stage;
  const post = () => client.fetch(url, { method: "POST" });
  const first = post().catch((error: unknown) => error);
  await eventually(() => bad.requests.length === 1);
  const second = post();
  const good = await stage.start();
  expect(await first).toMatchObject({ cause: { code: "UND_ERR_HEADERS_TIMEOUT" } });
  expect(await (await second).text()).toBe(String(good.port));
  expect(bad.requests.length).toBe(1);
});

test("who waits for one of few connections to a host that refuses is sent on at once", async () => {
  const slow = { attemptTimeoutMs: 600_000, connections: 1 };
  await using stage = await serviceStage(slow, { ...live, ejection: false });
  const ports = { http: await freePort() };
  stage.discovery.register("api", { hostname: "127.0.0.1", ports });
  await eventually(() => stage.pool.hosts.length === 1);
  const good = await stage.start();
  const posts = Array.from({ length: 10 }, () => stage.client.fetch(url, { method: "POST" }));
  const texts = (await Promise.all(posts)).map((response) => response.text());
  expect(new Set(await Promise.all(texts))).toEqual(new Set([String(good.port)]));
});

test("a response that breaks off after it was begun is the caller's to judge, and counts against the host", async () => {
  await using stage = await serviceStage({}, { ...live, ejection: { failures: 1 } });
  const [bad, good] = await pair(stage, ({ socket }, response) => {
    response.writeHead(200, { "content-length": "100" }).write("half", () => socket.destroy());
  });
  const response = await stage.client.fetch(url);
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow("terminated");
  expect(good.requests.length).toBe(0);
  await eventually(() =>
    stage.pool.ejected.map(({ uuid }) => uuid).includes(bad.registration.uuid),
  );
});

test("retries do not multiply the load on a service that is down", async () => {
  await using stage = await serviceStage({}, { ...live, ejection: false });
  const hosts: HttpHost[] = [];
  for (let count = 0; count < 3; count += 1) hosts.push(await stage.start({ answer: reset }));
  const requests = 200;
  const begun = performance.now();
  const all = Array.from({ length: requests }, () => stage.client.fetch(url));
  const results = await Promise.allSettled(all);
  expect(results.every(({ status }) => status === "rejected")).toBe(true);
  const retries = hosts.reduce((sum, host) => sum + host.requests.length, 0) - requests;
  // A hundred for ten seconds, and one for each five requests; without that it would be twice as many as those.
  const allowed = 100 + requests / 5;
  expect(retries).toBeGreaterThanOrEqual(100);
  expect(retries).toBeLessThanOrEqual(allowed * (1 + (performance.now() - begun) / 10_000));
});

test("a mistake of the caller's is no failure of a host, and goes to nobody else", async () => {
  await using stage = await serviceStage({}, { ...live, ejection: { failures: 1 } });
  const [one, two] = await pair(stage, (_, response) => response.end());
  const { dispatcher } = stage.client;
  await expect(request(url, { dispatcher, headers: { "bad header": "x" } })).rejects.toMatchObject({
    code: "UND_ERR_INVALID_ARG",
  });
  const wrong = { method: "PUT", body: "text", headers: { "content-length": "7" }, dispatcher };
  await expect(request(url, wrong)).rejects.toThrow("content-length");
  const failing = async function* () {
    yield Buffer.from("text");
    throw new Error("the caller's");
  };
  const streamed = { method: "PUT", body: Readable.from(failing()), dispatcher };
  await expect(request(url, streamed)).rejects.toThrow("the caller's");
  expect(stage.pool.ejected).toEqual([]);
  expect([one.requests.length, two.requests.length]).toEqual([0, 0]);
});

test("an answer is the caller's where all other hosts lack the port, whatever is wrong with it", async () => {
  await using stage = await serviceStage({}, live);
  const other = stage.discovery.register("api", { hostname: "127.0.0.1", ports: { grpc: 1 } });
  await stage.start({ answer: (_, response) => response.writeHead(503).end("overloaded") });
  await eventually(() => stage.pool.hosts.length === 2);
  const answered = await stage.client.fetch(url);
  expect([answered.status, await answered.text()]).toEqual([503, "overloaded"]);
  await other.unregister();
});

test("headers that can be read only once are sent with each attempt", async () => {
  await using stage = await serviceStage({}, live);
  const [bad, good] = await pair(stage, (_, response) => response.writeHead(503).end());
  const headers = new Map([["x-one", "1"]]).entries();
  const { body } = await request(url, { dispatcher: stage.client.dispatcher, headers });
  expect(await body.text()).toBe(String(good.port));
  expect([bad, good].map(({ requests }) => requests[0]?.headers["x-one"])).toEqual(["1", "1"]);
});

test("an answer that is passed over is not waited for, however long its body takes", async () => {
  await using stage = await serviceStage({}, live);
  const [bad, good] = await pair(stage, (_, response) =>
    response.writeHead(503).write("never ends"),
  );
  expect(await (await stage.client.fetch(url)).text()).toBe(String(good.port));
  await eventually(() => bad.open === 0);
});
