import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { freePorts } from "../../src/testing/free-ports.ts";
import { builtCommand } from "../support/built-command.ts";
import { eventually } from "../support/eventually.ts";
import { startProgram } from "../support/program.ts";
import { exampleStage, folder } from "./stage.ts";

test("a program in another language is registered while it runs", async (context) => {
  const command = builtCommand("register");
  if (command.missing !== undefined) {
    console.log(`skipped: the sidecar: ${command.missing}`);
    return context.skip(command.missing);
  }
  await using stage = exampleStage();
  const [port = 0] = await freePorts(1);
  await using sidecar = startProgram(
    process.execPath,
    [
      ...[command.path, "register", "hello-python", "--hostname", "127.0.0.1"],
      ...["--port", `http=${port}`, "--check", `http://127.0.0.1:${port}/`],
      ...["--", "python3", join(folder, "sidecar/hello.py")],
    ],
    { env: { ETCD_HOSTS: inject("etcd"), ETCD_PREFIX: stage.prefix, PORT: String(port) } },
  );
  const host = await eventually(() => stage.discovery.get("hello-python").one(), 20_000, 50);
  expect(await (await fetch(host.url("http", "/"))).text()).toMatch(/^hello from \d+\n$/);

  sidecar.kill("SIGTERM");
  await sidecar.said("asked to stop");
  // It was unregistered before it was asked to.
  await expect(stage.discovery.get("hello-python").one()).rejects.toMatchObject({
    code: "NO_HOST_FOUND",
  });
  const { code, signal } = await sidecar.exit;
  expect([code, signal]).toEqual([0, null]);
}, 60_000);
