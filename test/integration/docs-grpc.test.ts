import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, inject, onTestFinished, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";

const root = join(import.meta.dirname, "../..");

/** What a generator of code makes of a .proto file. */
const generated = `
import { makeGenericClientConstructor } from "@grpc/grpc-js";
const write = (value) => Buffer.from(JSON.stringify(value));
const read = (bytes) => JSON.parse(bytes);
export const GreeterService = {
  hello: {
    path: "/Greeter/Hello", requestStream: false, responseStream: false,
    requestSerialize: write, requestDeserialize: read, responseSerialize: write, responseDeserialize: read,
  },
};
export const GreeterClient = makeGenericClientConstructor(GreeterService, "Greeter");
`;

/** The programs of the page, by the names in their first lines. */
function programs(): Map<string, string> {
  const page = readFileSync(join(root, "docs/grpc.md"), "utf8");
  const blocks = Array.from(page.matchAll(/```js\n\/\/ (\S+)\n([^]*?)```/g), ([, name, text]) => {
    // Somewhere where it disturbs nobody.
    const here = text?.replace("0.0.0.0:50051", "127.0.0.1:0").replace(/node-1[\w.]*/, "127.0.0.1");
    return [name ?? "", here ?? ""] as const;
  });
  return new Map(blocks);
}

test("the programs of docs/grpc.md do what the page says", async () => {
  mkdirSync(join(root, ".cache"), { recursive: true });
  // In this package, which its programs know by name.
  const folder = mkdtempSync(join(root, ".cache/docs-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "gen"));
  writeFileSync(join(folder, "gen/greeter.js"), generated);
  for (const [name, text] of programs()) writeFileSync(join(folder, name), text);
  expect([...programs().keys()]).toEqual(["client.js", "options.js", "server.js"]);

  const prefix = `/docs-${randomUUID()}`;
  const run = (program: string) => {
    const child = spawn(process.execPath, [program], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        ...{ ETCD_HOSTS: inject("etcd"), ETCD_PREFIX: prefix },
        // A proxy that nobody gets through, and the way around it.
        ...{ grpc_proxy: "http://127.0.0.1:1", no_grpc_proxy: "greeter" },
      },
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    }
    const exit = once(child, "close").then(([code, signal]) => ({
      ...{ code: code as unknown, signal: signal as unknown, output },
    }));
    return { child, exit };
  };

  const server = run("server.js");
  await using discovery = new Discovery({ endpoints: [inject("etcd")], prefix });
  await eventually(() => discovery.get("greeter").first(), 30_000, 50);
  expect(await run("client.js").exit).toEqual({ code: 0, signal: null, output: "hello Ann\n" });
  expect(await run("options.js").exit).toEqual({ code: 0, signal: null, output: "" });
  server.child.kill("SIGTERM");
  await eventually(async () =>
    expect((await discovery.get("greeter").first()).draining).toBe(true),
  );
  expect(await server.exit).toEqual({ code: null, signal: "SIGTERM", output: "" });
  await expect(discovery.get("greeter").first()).rejects.toMatchObject({
    code: "NO_HOST_FOUND",
  });
}, 60_000);
