import { randomUUID } from "node:crypto";
import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, inject, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startHost } from "../support/http-host.ts";

const root = join(import.meta.dirname, "../..");

test("what docs/fetch.md shows works, from its first line to its last", async () => {
  const text = await readFile(join(root, "docs/fetch.md"), "utf8");
  const blocks = [...text.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code);
  expect(blocks.length).toBeGreaterThan(5);

  const prefix = `/doc-${randomUUID()}`;
  await using discovery = new Discovery({ endpoints: [inject("etcd")], prefix });
  const register = { public: true, shard: "shard-0", user: "user", password: "secret" };
  await using host = await startHost(discovery, "my-service", {
    answer: (_, response) => response.end("hello"),
    host: register,
  });
  await host.registration.update({
    privateHostname: "127.0.0.1",
    privatePorts: { http: host.port },
  });

  // Inside the package, so that its own name leads to what was built of it.
  const folder = join(root, ".cache", `doc-${randomUUID()}`);
  await mkdir(folder, { recursive: true });
  try {
    const file = join(folder, "main.mjs");
    await writeFile(file, blocks.join("\n"));
    const env = { ...process.env, ETCD_HOSTS: inject("etcd"), ETCD_PREFIX: prefix };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { env });
    expect([stdout, stderr]).toEqual(["200 hello\n200 hello\n200 hello\n200\n", ""]);
  } finally {
    await rm(folder, { recursive: true });
  }
  const seen = host.requests.map(({ method, url, headers }) => [
    ...[method, url, headers.authorization],
  ]);
  const basic = `Basic ${Buffer.from("user:secret").toString("base64")}`;
  expect(seen).toEqual([
    ...Array.from({ length: 3 }, () => ["GET", "/health", undefined]),
    ["GET", "/cart", undefined],
    ["POST", "/orders", undefined],
    ["GET", "/private", basic],
  ]);
});
