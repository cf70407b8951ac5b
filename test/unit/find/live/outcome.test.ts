import { createServer } from "node:net";
import { once } from "node:events";
import { expect, it } from "vitest";
import { DiscoveryError } from "../../../../src/errors.ts";
import { outcomeOfError, outcomeOfValue } from "../../../../src/find/live/outcome.ts";

const error = (fields: object, cause?: unknown): Error =>
  Object.assign(new Error("failed", { cause }), fields);

it.each<[string, unknown, string]>([
  ["an error that says nothing", new Error("x"), "failed"],
  ["what is no error", "x", "failed"],
  ["nothing", undefined, "failed"],
  ["a connection that is refused", error({ code: "ECONNREFUSED" }), "unreachable"],
  ["a name that does not exist", error({}, error({ code: "ENOTFOUND" })), "unreachable"],
  ["a reset while connecting", error({ code: "ECONNRESET", syscall: "connect" }), "unreachable"],
  ["a reset while reading", error({ code: "ECONNRESET", syscall: "read" }), "failed"],
  ["refused on every address", error({ errors: [error({ code: "ECONNREFUSED" })] }), "unreachable"],
  ["undici: no connection in time", error({ code: "UND_ERR_CONNECT_TIMEOUT" }), "unreachable"],
  ["undici: no answer in time", error({ code: "UND_ERR_HEADERS_TIMEOUT" }), "failed"],
  ["time that is up", new DOMException("x", "TimeoutError"), "failed"],
  ["a caller that gave up", new DOMException("x", "AbortError"), "undecided"],
  ["gRPC: UNAVAILABLE", error({ code: 14, details: "" }), "failed"],
  ["gRPC: CANCELLED", error({ code: 1, details: "" }), "undecided"],
  ["gRPC: NOT_FOUND", error({ code: 5, details: "" }), "succeeded"],
  ["HTTP 404 as an error", error({ response: { status: 404 } }), "succeeded"],
  ["HTTP 500 as an error", error({ statusCode: 500 }), "succeeded"],
  ["HTTP 503 as an error", error({ status: 503 }), "failed"],
  ["a port that the host has not", new DiscoveryError("UNKNOWN_SCHEME", "x"), "undecided"],
  ["a host without an address", new DiscoveryError("MALFORMED_RECORD", "x"), "failed"],
])("%s", (_, thrown, outcome) => {
  expect(outcomeOfError(thrown)).toBe(outcome);
});

it("ends with causes that go round", () => {
  const one = new Error("one");
  one.cause = new Error("other", { cause: one });
  expect(outcomeOfError(one)).toBe("failed");
});

it("goes by the status of a response, and takes all else for success", () => {
  const outcomes = [200, 404, 429, 500, 502, 503, 504].map((status) =>
    outcomeOfValue(new Response(null, { status })),
  );
  expect(outcomes).toEqual([
    ...["succeeded", "succeeded", "succeeded", "succeeded"],
    ...["failed", "failed", "failed"],
  ]);
  expect(outcomeOfValue({ status: 503 })).toBe("succeeded");
  expect(outcomeOfValue(undefined)).toBe("succeeded");
});

it("knows a refused connection of Node.js' own fetch", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  server.close();
  await once(server, "close");
  for (const host of ["127.0.0.1", "localhost"]) {
    const failure: unknown = await fetch(`http://${host}:${address.port}/`).catch(
      (e: unknown) => e,
    );
    expect(outcomeOfError(failure)).toBe("unreachable");
  }
});
