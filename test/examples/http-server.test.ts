import { connect } from "node:net";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { exampleStage } from "./stage.ts";

test("the HTTP server registers when it is well, is followed, and leaves without a failed request", async () => {
  await using stage = exampleStage();
  const follower = stage.run("follower.js", ["hello"]);
  const servers = [stage.run("http-server.js"), stage.run("http-server.js")];
  await Promise.all(servers.map((server) => server.said("is registered")));
  await follower.said(/^\+ 127\.0\.0\.1 is up.*\n[^]*^\+ 127\.0\.0\.1 is up/m);

  const [leaving, staying] = servers;
  const url = await urlOf(stage, leaving?.pid);
  expect(await textOf(url)).toBe(`hello from ${leaving?.pid}\n`);
  expect(await textOf(new URL("/health", url).href)).toBe("well\n");

  leaving?.kill("SIGTERM");
  await follower.said("~ 127.0.0.1 is about to leave");
  // It is to get no new work, and does what it gets, as not everybody may know yet.
  const marked = (await stage.discovery.get("hello").all()).filter(({ draining }) => draining);
  expect(marked).toHaveLength(1);
  expect(await textOf(url)).toBe(`hello from ${leaving?.pid}\n`);
  expect(await leaving?.exit).toMatchObject({ code: null, signal: "SIGTERM" });
  await follower.said("- 127.0.0.1 is down: unregistered");
  const left = await stage.discovery.get("hello").all();
  expect(left).toHaveLength(1);
  expect(await textOf(left[0]?.url("http") ?? "")).toBe(`hello from ${staying?.pid}\n`);

  // An impatient operator.
  staying?.kill("SIGTERM");
  await follower.said(/about to leave[^]*about to leave/);
  staying?.kill("SIGTERM");
  expect(await staying?.exit).toMatchObject({ code: null, signal: "SIGTERM" });
  follower.kill("SIGINT");
  expect(await follower.exit).toMatchObject({ code: null, signal: "SIGINT" });
}, 60_000);

test("the HTTP server lets a request end that is under way", async () => {
  await using stage = exampleStage();
  const server = stage.run("http-server.js");
  await server.said("is registered");
  const url = await urlOf(stage, server.pid);
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nhost: hello\r\n");
  server.kill("SIGTERM");
  await eventually(
    () =>
      expect(stage.discovery.get("hello").one()).rejects.toMatchObject({ code: "NO_HOST_FOUND" }),
    10_000,
    50,
  );
  socket.end("connection: close\r\n\r\n");
  const answer = Buffer.concat((await socket.toArray()) as Buffer[]).toString();
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  expect(await server.exit).toMatchObject({ code: null, signal: "SIGTERM" });
}, 60_000);

/** Where the server with this process id listens. */
async function urlOf(
  { discovery }: ReturnType<typeof exampleStage>,
  pid: number | undefined,
): Promise<string> {
  for (const host of await discovery.get("hello").all()) {
    const url = host.url("http", "/");
    if ((await textOf(url)) === `hello from ${pid}\n`) return url;
  }
  throw new Error(`no host is process ${pid}`);
}

async function textOf(url: string): Promise<string> {
  return await (await fetch(url, { headers: { connection: "close" } })).text();
}
