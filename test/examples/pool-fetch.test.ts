import { expect, test } from "vitest";
import { exampleStage } from "./stage.ts";

test("the client calls the hosts of a service by turns, and ends by itself", async () => {
  await using stage = exampleStage();
  const servers = [stage.run("http-server.js"), stage.run("http-server.js")];
  await Promise.all(servers.map((server) => server.said("is registered")));
  const { code, output } = await stage.run("pool-fetch.js", ["hello"]).exit;
  expect(code).toBe(0);
  expect(output).toMatch(/^2 hosts of hello, live$/m);
  for (const { pid } of servers) {
    expect(output.match(new RegExp(`^\\d+ 200 hello from ${pid}$`, "gm"))).toHaveLength(5);
  }
}, 60_000);

test("the client says so where nobody is", async () => {
  await using stage = exampleStage();
  const { code, output } = await stage.run("pool-fetch.js", ["nobody"]).exit;
  expect(code).toBe(1);
  expect(output).toMatch(/^0 hosts of nobody, live\n[^]*^NO_HOST_FOUND: /m);
}, 60_000);
