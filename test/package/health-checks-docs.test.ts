import { readFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Discovery } from "../../src/discovery.ts";
import type { HealthCheck, Registration } from "../../src/index.ts";
import { memoryStore } from "../../src/testing/index.ts";
import { makeCertificates } from "../support/certificates.ts";
import { reached } from "../support/registrations.ts";

// The code of docs/health-checks.md, as it stands there.

const page = readFileSync(join(import.meta.dirname, "../../docs/health-checks.md"), "utf8");
const blocks = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = ""]) => code);

/** Runs a block with what it takes for granted, and returns what it has defined by this name. */
async function run(
  code: string,
  given: Readonly<Record<string, unknown>>,
  defined = "undefined",
): Promise<unknown> {
  const asyncFunction = Object.getPrototypeOf(async () => {}) as {
    readonly constructor: new (...parts: string[]) => (...args: unknown[]) => Promise<unknown>;
  };
  const body = `${code}\nreturn ${defined};`;
  return await new asyncFunction.constructor(...Object.keys(given), body)(...Object.values(given));
}

const server = createServer((request, response) =>
  response.writeHead(request.url === "/health" ? 200 : 404).end(),
);
const discovery = new Discovery({ store: memoryStore() });
let host: { readonly privateHostname: string; readonly ports: Record<string, number> };

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  host = { privateHostname: "127.0.0.1", ports: { http: port, https: port, redis: port } };
});
afterAll(async () => {
  await discovery.close();
  server.close();
});

test("every block is one of these", () => {
  expect(blocks.length).toBe(4);
});

test("a check by HTTP", async () => {
  const registration = await run(blocks[0] ?? "", { discovery, host }, "registration");
  expect((registration as Registration).state).toBe("registered");
});

test("a check by a function", async () => {
  let pinged: AbortSignal | undefined;
  const ping = async ({ signal }: { signal: AbortSignal }) => void (pinged = signal);
  await run(blocks[1] ?? "", { discovery, host, database: { ping } });
  await new Promise((resolve) => setImmediate(resolve));
  expect(pinged).toBeInstanceOf(AbortSignal);
});

test("the checks over the network are accepted", async () => {
  const { ca } = await makeCertificates();
  const checks = (await run(blocks[2] ?? "", { ca: ca.cert }, "checks")) as HealthCheck[];
  expect(checks.length).toBe(5);
  for (const check of checks) await discovery.register("api", host, { check }).unregister();
});

test("what is told of a host that is not well", async () => {
  let well = true;
  const check = { type: "function", run: () => well, intervalMs: 10 } as const;
  const registration = discovery.register("api", host, { check });
  await registration.waitRegistration();
  const warned: string[] = [];
  const console = { warn: (text: string) => void warned.push(text) };
  await run(blocks[3] ?? "", { registration, console });
  well = false;
  await reached(registration, "unhealthy");
  expect(warned).toEqual([
    expect.stringMatching(/the health check of "api" .* has failed 3 times/),
  ]);
});
