import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, inject, test } from "vitest";
import { Discovery, type HostOptions } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import {
  commandFile,
  type CommandRun,
  runCommand,
  type RunOptions,
} from "../support/run-command.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

/** A fleet of its own on an etcd, and the command that looks at it. */
function fleet(endpoint = inject("etcd"), options: { readonly api?: 2 | 3 } = {}) {
  const prefix = `/cli-${randomUUID()}`;
  const discovery = new Discovery({ endpoints: [endpoint], prefix, ttlSeconds: 2, ...options });
  undo.push(() => discovery.close());
  const env = { ETCD_HOSTS: endpoint, ETCD_PREFIX: prefix };
  return {
    discovery,
    env,
    async register(service: string, host: HostOptions) {
      const registration = discovery.register(service, host);
      await registration.waitRegistration();
      return registration;
    },
    start(args: string, run: RunOptions = {}): CommandRun {
      const started = runCommand(args.split(" "), { ...run, env: { ...env, ...run.env } });
      undo.push(() => started[Symbol.asyncDispose]());
      return started;
    },
    async run(args: string, run: RunOptions = {}) {
      return await this.start(args, run).ended;
    },
  };
}

const publicHost = {
  hostname: "public.dev",
  ports: { http: 80 },
  privateHostname: "node-1.internal",
  privatePorts: { http: 8080 },
  public: true,
  user: "user",
  password: "se:cret",
  shard: "s-1",
};
const privateHost = { privateHostname: "node-2.internal", ports: { http: 8080 }, critical: true };

const json = (text: string): unknown[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): unknown => JSON.parse(line));

describe("services", () => {
  test("lists all, as JSON lines or as a table", async () => {
    const it = fleet();
    await it.register("api", publicHost);
    const db = await it.register("db", privateHost);
    const lines = await it.run("services");
    expect(lines).toMatchObject({ code: 0, stderr: "" });
    const api = {
      service: "api",
      hosts: 1,
      draining: 0,
      shards: ["s-1"],
      public: true,
      critical: false,
    };
    expect(json(lines.stdout)).toEqual([
      api,
      { service: "db", hosts: 1, draining: 0, shards: [], public: false, critical: true },
    ]);
    await db.unregister();
    expect(json((await it.run("services")).stdout)).toMatchObject([
      api,
      { service: "db", hosts: 0 },
    ]);
    expect(json((await it.run("services --alive")).stdout)).toEqual([api]);
    expect((await it.run("services --no-json")).stdout).toBe(
      [
        "SERVICE   HOSTS   DRAINING   SHARDS   PUBLIC   CRITICAL",
        "api       1       -          s-1      yes      -",
        "db        0       -          -        -        yes",
        "",
      ].join("\n"),
    );
  });

  test("says where it looked when there are none", async () => {
    const it = fleet();
    const { code, stdout, stderr } = await it.run("services");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toBe(
      `No services in etcd at ${it.env.ETCD_HOSTS} under ${it.env.ETCD_PREFIX}.\n`,
    );
  });
});

describe("get", () => {
  test("shows the hosts, and their password only when told to", async () => {
    const it = fleet();
    const { uuid } = await it.register("api", publicHost);
    const { stdout } = await it.run("get api");
    const host = { service: "api", uuid, hostname: "public.dev", user: "user", shard: "s-1" };
    expect(json(stdout)).toEqual([expect.objectContaining(host)]);
    expect(stdout).not.toContain("cret");
    const table = await it.run("get api --no-json");
    expect(table.stdout.split("\n")[1]).toBe(
      `api       ${uuid}   http://public.dev:80   http://node-1.internal:8080   s-1     up`,
    );
    const shown = await it.run("get api --show-credentials");
    expect(json(shown.stdout)).toMatchObject([{ ...host, password: "se:cret" }]);
    expect((await it.run("get api --no-json --show-credentials")).stdout).toContain("se:cret");
  });

  test("of a shard shows those on it, and exits with 3 if there is none", async () => {
    const it = fleet();
    await it.register("api", publicHost);
    expect(json((await it.run("get api --shard s-1")).stdout)).toHaveLength(1);
    const none = await it.run("get api --shard s-2");
    expect(none).toMatchObject({ code: 3, stdout: "" });
    expect(none.stderr).toMatch(/^error: .*s-2.*\n {2}Looked at etcd at .*\n {2}Without --shard/);
    expect((await it.run("get nobody")).stderr).toMatch(
      /^error: service "nobody" has neither.*\n.*\n {2}etcd-discovery services lists/,
    );
  });

  test("with --watch shows the set, then each change, until Ctrl-C", async () => {
    const it = fleet();
    const { uuid } = await it.register("api", publicHost);
    const run = it.start("get api --watch --shard s-1");
    await run.says(/"up"/);
    await run.says(/following 1 service /, "stderr");
    await it.register("api", { ...publicHost, shard: "s-2" });
    const other = await it.register("api", publicHost);
    await run.says(new RegExp(`"up".*${other.uuid}`));
    await other.unregister();
    await run.says(new RegExp(`"down","service":"api","reason":"unregistered".*${other.uuid}`));
    run.kill("SIGINT");
    const { signal, stdout } = await run.ended;
    expect(signal).toBe("SIGINT");
    expect(stdout).not.toContain("s-2");
    expect(stdout).not.toContain("cret");
    expect(json(stdout)[0]).toMatchObject({ type: "up", host: { uuid } });
  });
});

describe("url", () => {
  test("prints one for a shell to use, with credentials only when told to", async () => {
    const it = fleet();
    await it.register("api", publicHost);
    const plain = await it.run("url api http /x?y=1");
    expect(plain).toMatchObject({ code: 0, stdout: "http://public.dev:80/x?y=1\n" });
    expect(plain.stderr).toContain("--show-credentials");
    const full = await it.run("url api http --show-credentials");
    expect(full).toMatchObject({ stdout: "http://user:se%3Acret@public.dev:80\n", stderr: "" });
    const onPrivate = await it.run("url api --private");
    expect(onPrivate.stdout).toBe("http://node-1.internal:8080\n");
    const asJson = await it.run("url api --json");
    expect(json(asJson.stdout)).toEqual([{ service: "api", url: "http://public.dev:80" }]);
    const unknown = await it.run("url api ftp");
    expect(unknown).toMatchObject({ code: 3, stdout: "" });
  });
});

describe("watch", () => {
  test("tells of all services, and of ones that come later", async () => {
    const it = fleet();
    await it.register("api", publicHost);
    const run = it.start("watch");
    await run.says(/following 1 service /, "stderr");
    const db = await it.register("db", privateHost);
    await run.says(/"type":"up","service":"db"/);
    await db.update({ weight: 3 });
    await run.says(/"type":"update","service":"db"/);
    expect(run.stdout).not.toContain("api");
    run.kill("SIGTERM");
    expect((await run.ended).signal).toBe("SIGTERM");
  });

  test("goes on through an outage, says so, and tells what happened meanwhile", async () => {
    const etcd = await startEtcd();
    undo.push(() => etcd.stop());
    const it = fleet(etcd.endpoint);
    await it.register("api", publicHost);
    const run = it.start("watch api --existing");
    await run.says(/"up"/);
    await etcd.kill();
    await run.says(/etcd away since \d\d:\d\d:\d\d/, "stderr");
    await etcd.restart();
    await run.says(/etcd is back/, "stderr");
    const { uuid } = await it.register("api", publicHost);
    await run.says(new RegExp(`"up".*${uuid}`));
  });

  test("waits for an etcd that is away at its start, and says so", async () => {
    const etcd = await startEtcd();
    undo.push(() => etcd.stop());
    await etcd.kill();
    const it = fleet(etcd.endpoint);
    const run = it.start("watch");
    await run.says(/etcd away since .*: .*ECONNREFUSED/, "stderr");
    await etcd.restart();
    await run.says(/etcd is back|following 0 services/, "stderr");
    await it.register("api", publicHost);
    await run.says(/"up","service":"api"/);
  });

  test("ends quietly when its reader does", async () => {
    const it = fleet();
    await it.register("api", publicHost);
    const run = it.start("watch --existing");
    await run.says(/"up"/);
    run.closeStdout();
    await it.register("api", publicHost);
    expect(await run.ended).toMatchObject({ code: 0, signal: null });
    expect(run.stderr).not.toMatch(/EPIPE|error/);
  });

  test.runIf(existsSync("/dev/full"))("says so and fails when the disk is full", async () => {
    const it = fleet();
    await it.register("api", publicHost);
    const onto = [commandFile, "services", "--json"];
    const run = spawn("sh", ["-c", `exec "$@" >/dev/full`, "sh", process.execPath, ...onto], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...it.env },
    });
    const [stderr] = await Promise.all([text(run.stderr), once(run, "exit")]);
    expect(stderr).toMatch(/^error: what this command says cannot be written: ENOSPC.*\n$/);
    expect(run.exitCode).toBe(1);
  });
});

describe("on a terminal", () => {
  test("tables and colours are for people, and nothing on etcd can act on it", async () => {
    const it = fleet();
    await it.register("api", { ...publicHost, shard: "a\u001b[2Jb\u202e", metadata: {} });
    const table = await it.run("get api", { terminal: 100 });
    expect(table).toMatchObject({ code: 0 });
    expect(table.stdout).toContain("\u001b[1mSERVICE");
    expect(table.stdout).toContain(String.raw`a\x1b[2Jb\u202e`);
    const plain = await it.run("get api", { terminal: 100, env: { NO_COLOR: "1" } });
    expect(plain.stdout).toMatch(/^SERVICE/);
    const emptyVariable = await it.run("get api", { terminal: 100, env: { NO_COLOR: "" } });
    expect(emptyVariable.stdout).toContain("\u001b[1m");
    const asJson = await it.run("get api --json", { terminal: 100 });
    expect(json(asJson.stdout)).toHaveLength(1);
  });

  test("Ctrl-C ends a watch as the signal does", async () => {
    const it = fleet();
    await it.register("api", publicHost);
    const run = it.start("watch --existing", { terminal: 100 });
    await run.says(/\+ up/);
    run.write("\u0003");
    expect((await run.ended).signal).toBe("SIGINT");
  });
});

describe("mistakes", () => {
  test.each([
    ["gett api", /unknown command 'gett'\n\(Did you mean get\?\)/],
    ["get", /missing required argument 'service'/],
    ["get a/b", /service name/],
    ["get api --nope", /unknown option '--nope'/],
    ["get api --api 4", /--api must be 2 or 3/],
    ["get api --timeout soon", /--timeout must be a time such as 5s/],
    [
      "get api --password-file /nowhere/at/all",
      /--password-file: "\/nowhere\/at\/all" cannot be read/,
    ],
    ["get api -- more", /nothing can follow --/],
    ["get api --endpoints http://user:pw@127.0.0.1:1", /must not carry a user or a password/],
  ])("%s exits with 2 and says why", async (args, message) => {
    const { code, stdout, stderr } = await fleet().run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\bpw\b|\n {4}at /);
  });

  test("no etcd: what, where, what to try, and exit status 5", async () => {
    for (const args of ["services", "get api", "url api"]) {
      const { code, stderr } = await fleet("http://127.0.0.1:1").run(`${args} --timeout 500ms`);
      expect(code).toBe(5);
      expect(stderr).toMatch(
        /^error: .*ECONNREFUSED.*\n {2}Looked at etcd at http:\/\/127\.0\.0\.1:1 under .*\n {2}Is it running\?/,
      );
    }
  });

  test("a wrong password exits with 4; the right one comes from a file or standard input", async () => {
    const etcd = await startEtcd();
    undo.push(() => etcd.stop());
    await etcd.enableAuth({ rootPassword: "root-secret" });
    const it = fleet(etcd.endpoint);
    const env = { ETCD_USERNAME: "root", ETCD_PASSWORD: "wrong" };
    const wrong = await it.run("services", { env });
    expect(wrong.code).toBe(4);
    expect(wrong.stderr).toMatch(/--password-file, sign in/);
    const folder = await temporaryFolder();
    undo.push(() => folder[Symbol.asyncDispose]());
    const file = join(folder.path, "password");
    await writeFile(file, "root-secret\n");
    expect((await it.run(`services --password-file ${file}`, { env })).code).toBe(0);
    const typed = await it.run("services --password-file -", { env, input: "root-secret\n" });
    expect(typed.code).toBe(0);
    for (const { stdout, stderr } of [wrong, typed])
      expect(stdout + stderr).not.toContain("secret");
  });

  test("--help and --version go to standard output and exit with 0", async () => {
    const help = await fleet().run("--help");
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toMatch(/Usage: etcd-discovery .*[\s\S]*services[\s\S]*Exit status/);
    expect((await fleet().run("get --help")).stdout).toMatch(/--watch[\s\S]*--endpoints/);
    expect((await fleet().run("--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

test("a flag goes before its variable", async () => {
  const it = fleet();
  await it.register("api", publicHost);
  const args = `services --endpoints ${it.env.ETCD_HOSTS} --prefix ${it.env.ETCD_PREFIX}`;
  const env = { ETCD_HOSTS: "http://127.0.0.1:1", ETCD_PREFIX: "/other" };
  const { stdout } = await it.run(args, { env });
  await eventually(() => expect(json(stdout)).toHaveLength(1));
});
