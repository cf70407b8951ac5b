import { expect, test } from "vitest";
import { exampleStage } from "./stage.ts";

test("a gRPC client calls all servers by name, and they leave by a signal", async () => {
  await using stage = exampleStage();
  const servers = [stage.run("grpc/server.js"), stage.run("grpc/server.js")];
  await Promise.all(servers.map((server) => server.said("is registered")));
  const { code, output } = await stage.run("grpc/client.js", ["Ann"]).exit;
  expect(code).toBe(0);
  for (const { pid } of servers) expect(output).toContain(`hello Ann, from ${pid}\n`);
  for (const server of servers) server.kill("SIGTERM");
  for (const { exit } of servers) expect(await exit).toMatchObject({ signal: "SIGTERM" });
  await expect(stage.discovery.get("greeter").one()).rejects.toMatchObject({
    code: "NO_HOST_FOUND",
  });
}, 60_000);
