import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, inject, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { ask, listen } from "../support/dashboard.ts";
import { eventually } from "../support/eventually.ts";
import { type CommandRun, runCommand, type RunOptions } from "../support/run-command.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

const prefix = `/cli-ui-${randomUUID()}`;

function start(args: readonly string[], options: RunOptions = {}): CommandRun {
  const env = { ETCD_HOSTS: inject("etcd"), ETCD_PREFIX: prefix, ...options.env };
  const run = runCommand(["ui", "--port", "0", ...args], { ...options, env });
  undo.push(() => run[Symbol.asyncDispose]());
  return run;
}

async function file(text: string): Promise<string> {
  const folder = await temporaryFolder();
  undo.push(() => folder[Symbol.asyncDispose]());
  const path = join(folder.path, "token");
  await writeFile(path, text);
  return path;
}

describe("etcd-discovery ui", () => {
  test("serves the dashboard until it is interrupted, and ends by the signal", async () => {
    const discovery = new Discovery({ endpoints: [inject("etcd")], prefix });
    undo.push(() => discovery.close());
    const host = { privateHostname: "node-1", ports: { http: 80 } };
    await discovery.register("api", host).waitRegistration();
    const run = start([]);
    const [, url = ""] = await run.says(/^(http:\/\/127\.0\.0\.1:\d+\/)$/m);
    expect((await ask(url)).body).toContain("/page.js");
    expect((await ask(`${url}page.js`)).status).toBe(200);
    const heard = await listen(`${url}events`);
    undo.push(() => heard.close());
    await eventually(() => expect(heard.text).toContain("node-1"));
    await eventually(() => expect(heard.text).toContain(`"endpoint":"${inject("etcd")}"`));
    run.kill("SIGINT");
    expect(await run.ended).toMatchObject({ signal: "SIGINT", stderr: "" });
  });

  test("serves its metrics, and the hosts of all services for Prometheus", async () => {
    const discovery = new Discovery({ endpoints: [inject("etcd")], prefix: `${prefix}-sd` });
    undo.push(() => discovery.close());
    const host = {
      privateHostname: "node-1",
      ports: { http: 80, metrics: 9_100 },
      metadata: { zone: "a" },
      user: "user",
      password: "very-secret",
    };
    await discovery.register("api", host).waitRegistration();
    const args = ["--target-scheme", "metrics", "--target-label", "zone"];
    const run = start(args, { env: { ETCD_PREFIX: `${prefix}-sd` } });
    const [, url = ""] = await run.says(/^(http:\/\/127\.0\.0\.1:\d+\/)$/m);
    const targets = await eventually(async () => {
      const answer = await ask(`${url}http_sd`);
      return answer.status === 200 && answer.body;
    });
    expect(JSON.parse(targets)).toEqual([
      {
        targets: ["node-1:9100"],
        labels: expect.objectContaining({
          __meta_etcd_discovery_service: "api",
          __meta_etcd_discovery_metadata_zone: "a",
        }) as object,
      },
    ]);
    const { body } = await ask(`${url}metrics`);
    expect(body).toMatch(/^etcd_discovery_rpcs_total\{/m);
    expect(body).toMatch(/^etcd_discovery_http_sd_targets\{result="listed"\} 1$/m);
    expect(body + targets).not.toContain("secret");
  });

  test("says where it is as JSON, when asked to", async () => {
    const run = start(["--json"]);
    const [line = ""] = await run.says(/^\{.*\}$/m);
    expect(JSON.parse(line)).toEqual({
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/) as string,
    });
  });

  test("prints a link that signs one browser in, off loopback, and the next when it is used", async () => {
    const run = start(["--host", "0.0.0.0"]);
    const [, port = "", token = ""] = await run.says(/^http:\/\/[\d.]+:(\d+)\/#token=(\S+)$/m);
    await run.says(/plain HTTP/, "stderr");
    const origin = `http://127.0.0.1:${port}`;
    const signIn = {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    };
    expect((await ask(`${origin}/session`, signIn)).status).toBe(204);
    const [, next] = await run.says(/#token=\S+\n.*#token=(\S+)\n/s);
    expect(next).not.toBe(token);
    expect((await ask(`${origin}/session`, signIn)).status).toBe(401);
  });

  test("asks for the token of a file, which it does not print", async () => {
    const token = "a-token-of-some-length";
    const run = start(["--token-file", await file(`${token}\n`)]);
    const [, url = ""] = await run.says(/^(http:\S+)$/m);
    expect((await ask(`${url}events`)).status).toBe(401);
    const body = JSON.stringify({ token });
    const headers = { "Content-Type": "application/json" };
    expect((await ask(`${url}session`, { method: "POST", headers, body })).status).toBe(204);
    expect(run.stdout + run.stderr).not.toContain(token);
    const piped = start(["--token-file", "-"], { input: `${token}\n` });
    await piped.says(/asks for the token/, "stderr");
  });

  test("answers to further names", async () => {
    const run = start(["--allow-host", "a.example", "--allow-host", "b.example:8443"]);
    const [, url = ""] = await run.says(/^(http:\S+)$/m);
    // Behind a proxy nobody knows who asks.
    await run.says(/signs one browser in/, "stderr");
    for (const Host of ["a.example", "b.example:8443"]) {
      expect((await ask(url, { headers: { Host } })).status).toBe(200);
      const events = new URL("/events", url).href;
      expect((await ask(events, { headers: { Host } })).status).toBe(401);
    }
    expect((await ask(url, { headers: { Host: "c.example" } })).status).toBe(403);
  });

  test("is there before etcd is", async () => {
    const run = start([], { env: { ETCD_HOSTS: "http://127.0.0.1:1" } });
    const [, url = ""] = await run.says(/^(http:\S+)$/m);
    const heard = await listen(`${url}events`);
    undo.push(() => heard.close());
    await eventually(() => expect(heard.text).toContain('"source":"none"'));
    run.kill("SIGTERM");
    expect((await run.ended).signal).toBe("SIGTERM");
  });

  test.each([
    [["--port", "x"], "--port must be a number"],
    [["--port", "70000"], "65535"],
    [["--host", "192.0.2.1"], "cannot be listened on"],
    [["--token-file", "/nowhere/token"], "--token-file"],
    [["--allow-host", "http://a"], "allowHosts"],
    [["--token", "secret"], "unknown option"],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await start(args).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  test("refuses a token that is easy to guess, and a port that is taken", async () => {
    const weak = await start(["--token-file", await file("short\n")]).ended;
    expect([weak.code, weak.stderr]).toEqual([2, expect.stringContaining("easy to guess")]);
    expect(weak.stderr).not.toContain("short");
    const first = start([]);
    const [, port = ""] = await first.says(/^http:\/\/127\.0\.0\.1:(\d+)\/$/m);
    const second = await start(["--port", port]).ended;
    expect([second.code, second.stderr]).toEqual([2, expect.stringContaining("is taken")]);
  });
});
