import { fetch as undiciFetch, request, Request as UndiciRequest } from "undici";
import { expect, test } from "vitest";
import type { Discovery } from "../../../src/index.ts";
import { ServiceClient } from "../../../src/integrations/fetch/index.ts";
import { eventually } from "../../support/eventually.ts";
import { startHost } from "../../support/http-host.ts";
import { recordingLogger } from "../../support/recording-logger.ts";
import { ScriptedHttpServer } from "../../support/scripted-http-server.ts";
import { serviceStage } from "../../support/service-stage.ts";

const url = "http://api.discovery/";
const host = { public: true, user: "üser", password: "se:cret" };
const basic = `Basic ${Buffer.from("üser:se:cret").toString("base64")}`;

test("a service's user and password go along only when that is asked for", async () => {
  await using stage = await serviceStage();
  const api = await stage.start({ host });
  await stage.client.fetch(url);
  await using client = new ServiceClient({ pools: { api: stage.pool }, credentials: true });
  await client.fetch(url, { headers: { "x-one": "1" } });
  await client.fetch(url, { headers: { Authorization: "Bearer mine" } });
  await client.fetch(url, { credentials: "omit" });
  const seen = api.requests.map(({ headers }) => headers.authorization);
  expect(seen).toEqual([undefined, basic, "Bearer mine", undefined]);
  expect(api.requests[1]?.headers["x-one"]).toBe("1");
});

test("they go with requests of undici, however their headers are given", async () => {
  await using stage = await serviceStage({ credentials: true });
  const api = await stage.start({ host });
  const { dispatcher } = stage.client;
  const given = [
    undefined,
    null,
    { "x-one": "1" },
    ["x-one", "1"],
    new Map([["x-one", "1"]]),
    { authorization: "mine" },
    ["AUTHORIZATION", "mine"],
  ];
  for (const headers of given) await request(url, { dispatcher, headers: headers as null });
  const seen = api.requests.map(({ headers }) => [headers.authorization, headers["x-one"]]);
  const one = [basic, "1"];
  const none = [basic, undefined];
  const mine = ["mine", undefined];
  expect(seen).toEqual([none, none, one, one, one, mine, mine]);
});

test("they are the newest, on the connections that there are", async () => {
  await using stage = await serviceStage({ credentials: true });
  const api = await stage.start({ host });
  await (await stage.client.fetch(url)).text();
  await api.registration.rotateCredentials({ user: "user", password: "rotated" });
  await eventually(() => stage.pool.pick().password === "rotated");
  await stage.client.fetch(url);
  const decoded = api.requests.map(({ headers: { authorization = "" } }) =>
    Buffer.from(authorization.replace("Basic ", ""), "base64").toString(),
  );
  expect(decoded).toEqual(["üser:se:cret", "user:rotated"]);
  expect(api.sockets.length).toBeLessThanOrEqual(2);
});

/** A server that is no host of any service, and what it was sent. */
async function stranger(): Promise<ScriptedHttpServer> {
  return ScriptedHttpServer.start(({ url: path, response }) => {
    if (path === "/back") response.writeHead(307, { location: url }).end();
    else response.end();
  });
}

async function otherService(discovery: Discovery) {
  return startHost(discovery, "other", { host: { ...host, password: "another" } });
}

test("no redirect takes them along, wherever it leads", async () => {
  await using stage = await serviceStage({ credentials: true });
  const api = await stage.start({ host });
  await using elsewhere = await stranger();
  await using other = await otherService(stage.discovery);
  let location = "";
  api.answer = ({ url: path }, response) => {
    if (path === "/redirect") response.writeHead(307, { location }).end();
    else response.end();
  };
  const { client } = stage;
  const from = `${url}redirect`;
  const leads = [
    "/same",
    `http://127.0.0.1:${api.port}/`,
    elsewhere.origin,
    `${elsewhere.origin}/back`,
    "http://other.discovery/",
  ];
  for (location of leads) await client.fetch(from, { method: "PUT", body: "text" });
  const seen = api.requests.map(({ url: path, headers }) => [path, headers.authorization]);
  const first = ["/redirect", basic];
  expect(seen).toEqual([
    first,
    ["/same", undefined],
    first,
    ["/", undefined],
    first,
    first,
    ["/", undefined],
    first,
  ]);
  expect(elsewhere.requests.map(({ headers }) => headers.authorization)).toEqual([
    ...[undefined, undefined],
  ]);
  expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  // Whatever was sent on was sent as a whole.
  expect([...other.requests, ...api.requests].map(({ body }) => body.toString())).toEqual(
    Array.from({ length: 9 }, () => "text"),
  );

  // Nor does another fetch, of which nobody can tell what it was redirected to.
  const foreign = { dispatcher: client.dispatcher } as object;
  for (location of leads) {
    await fetch(from, foreign);
    await undiciFetch(from, foreign);
  }
  const lead = [...elsewhere.requests, ...other.requests, ...api.requests.slice(8)];
  expect(lead.length).toBeGreaterThan(20);
  expect(lead.map(({ headers }) => headers.authorization)).toEqual(lead.map(() => undefined));
});

test("a password is in no error and in no log", async () => {
  const logger = recordingLogger();
  await using stage = await serviceStage({ credentials: true });
  const api = await stage.start({ host, answer: ({ socket }) => void socket.resetAndDestroy() });
  const error: unknown = await stage.client.fetch(url).catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(TypeError);
  logger.error("what a user would log", { error, client: stage.client });
  const encoded = basic.replace("Basic ", "");
  expect(api.requests[0]?.headers.authorization).toBe(basic);
  expect(logger.text()).not.toMatch(new RegExp(`se:cret|${encoded}`));
});

test("a password alone is given, too", async () => {
  await using stage = await serviceStage({ credentials: true });
  const api = await stage.start({ host: { public: true, user: "", password: "only" } });
  await stage.client.fetch(url);
  expect(api.requests.map(({ headers }) => headers.authorization)).toEqual([
    `Basic ${Buffer.from(":only").toString("base64")}`,
  ]);
});

test("a request that is made to go without them goes without", async () => {
  await using stage = await serviceStage({ credentials: true });
  const api = await stage.start({ host });
  await stage.client.fetch(new UndiciRequest(url, { credentials: "omit" }));
  await stage.client.fetch(new Request(url, { credentials: "omit" }));
  expect(api.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
});

test("headers that are none fail their request alone", async () => {
  await using stage = await serviceStage({ credentials: true });
  await stage.start({ host });
  const odd = request(url, { dispatcher: stage.client.dispatcher, headers: "odd" as never });
  await expect(odd).rejects.toBeInstanceOf(Error);
  expect((await stage.client.fetch(url)).status).toBe(200);
});
