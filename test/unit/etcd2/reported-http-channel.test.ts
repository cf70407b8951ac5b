import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../../src/async/clock.ts";
import { ReportedHttpChannel } from "../../../src/store/etcd2/reported-http-channel.ts";
import { eventually } from "../../support/eventually.ts";

let server: Server;
let origin: string;
let channel: ReportedHttpChannel;
let told: unknown[][];
let rpcsWanted: boolean;

beforeEach(async () => {
  // Answers with the status that the query has; 0: never, 1: cuts the connection.
  server = createServer((request, response) => {
    const status = Number(new URL(request.url ?? "", origin).searchParams.get("status"));
    if (status === 1) request.socket.destroy();
    else if (status > 1) response.writeHead(status).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  told = [];
  rpcsWanted = true;
  const report = {
    get rpcsWanted() {
      return rpcsWanted;
    },
    rpcEnded: (...rpc: unknown[]) => void told.push(rpc),
  };
  channel = new ReportedHttpChannel({ origin, tls: undefined, clock: systemClock }, report);
});

afterEach(async () => {
  await channel.close();
  server.closeAllConnections();
  server.close();
});

const call = { deadlineMs: 5_000, repeatable: false };
const path = (status: number) => `/v2/keys/a?status=${status}`;

/** What was told, but for how long it took. */
const inShort = () =>
  told.map(([method, code, , endpoint, stream]) => [method, code, endpoint, stream]);

it.each([
  ["GET", 200, "Keys/Get", "OK"],
  ["PUT", 201, "Keys/Put", "OK"],
  ["DELETE", 404, "Keys/Delete", "NOT_FOUND"],
  ["GET", 400, "Keys/Get", "INVALID_ARGUMENT"],
  ["GET", 401, "Keys/Get", "UNAUTHENTICATED"],
  ["GET", 403, "Keys/Get", "PERMISSION_DENIED"],
  ["PUT", 412, "Keys/Put", "FAILED_PRECONDITION"],
  ["GET", 418, "Keys/Get", "UNKNOWN"],
  ["GET", 429, "Keys/Get", "RESOURCE_EXHAUSTED"],
  ["GET", 500, "Keys/Get", "INTERNAL"],
  ["GET", 503, "Keys/Get", "UNAVAILABLE"],
] as const)("tells of a %s that is answered with %i", async (method, status, name, code) => {
  expect((await channel.request({ method, path: path(status) }, call)).status).toBe(status);
  expect(inShort()).toEqual([[name, code, origin, false]]);
  expect(told[0]?.[2]).toBeGreaterThan(0);
});

it("tells of requests without an answer, and of the question for a leader", async () => {
  const get = (status: number, more: object = {}) =>
    channel.request({ method: "GET", path: path(status) }, { ...call, ...more });
  await expect(get(1)).rejects.toThrow(/lost the connection/);
  await expect(get(0, { deadlineMs: 20 })).rejects.toThrow(/no answer/);
  const aborted = new AbortController();
  const waiting = get(0, { signal: aborted.signal });
  aborted.abort("enough");
  await expect(waiting).rejects.toBe("enough");
  await channel.request({ method: "GET", path: "/v2/members/leader?status=200" }, call);
  await channel.close();
  await expect(get(200)).rejects.toThrow(/closed/);
  expect(inShort()).toEqual([
    ["Keys/Get", "UNAVAILABLE", origin, false],
    ["Keys/Get", "DEADLINE_EXCEEDED", origin, false],
    ["Keys/Get", "CANCELLED", origin, false],
    ["Members/Leader", "OK", origin, false],
    ["Keys/Get", "UNAVAILABLE", origin, false],
  ]);
});

it("tells of a poll that ends by itself, not of one that is cancelled", async () => {
  const seen: string[] = [];
  const observer = {
    head: (status: number) => void seen.push(String(status)),
    data: (chunk: Buffer) => void seen.push(String(chunk)),
    ended: () => void seen.push("ended"),
    failed: (error: Error) => void seen.push(error.name),
  };
  const ended = channel.stream({ method: "GET", path: path(200) }, observer);
  await eventually(() => seen.includes("ended"));
  ended.cancel();
  const waiting = channel.stream({ method: "GET", path: path(0) }, observer);
  expect(waiting.neverSent).toBe(true);
  await eventually(() => expect(waiting.neverSent).toBe(false));
  waiting.cancel();
  channel.stream({ method: "GET", path: path(1) }, observer);
  await eventually(() => seen.includes("HttpError"));
  expect(seen).toEqual(["200", "{}", "ended", "HttpError"]);
  expect(inShort()).toEqual([
    ["Keys/Watch", "OK", origin, true],
    ["Keys/Watch", "UNAVAILABLE", origin, true],
  ]);
});

it("tells nothing of requests while nobody wants to know", async () => {
  rpcsWanted = false;
  await channel.request({ method: "GET", path: path(200) }, call);
  expect(told).toEqual([]);
});
