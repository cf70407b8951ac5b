import { randomUUID } from "node:crypto";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, inject, test, type TestContext } from "vitest";
import { Discovery } from "../../src/index.ts";
import { collect } from "../support/collect.ts";
import { commandFile } from "../support/run-command.ts";
import { runSidecar } from "../support/sidecar.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const endpoint = inject("etcd");
const prefix = `/register-exit-${randomUUID()}`;
const env = { ETCD_HOSTS: endpoint, ETCD_PREFIX: prefix };
const discovery = new Discovery({ endpoints: [endpoint], prefix });
afterAll(() => discovery.close());

const host = ["--hostname", "127.0.0.1", "--port", "http=1"];
const python = (program: string): string[] => ["python3", "-c", program];

describe.concurrent("ends as the program does", () => {
  test.each([0, 1, 3, 125, 143, 255])("with status %i", async (status) => {
    const program = python(`import sys; sys.exit(${status})`);
    await using run = runSidecar([`status-${status}`, ...host, "--", ...program], { env });
    expect(await run.ended).toMatchObject({ code: status, signal: null });
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("by %s", async (signal) => {
    const program = python(
      `import os, signal; os.kill(os.getpid(), signal.${signal}); signal.pause()`,
    );
    // Python makes an exception of it.
    const quiet = python(
      `import os, signal; signal.signal(signal.SIGINT, signal.SIG_DFL); os.kill(os.getpid(), signal.${signal})`,
    );
    const command = signal === "SIGINT" ? quiet : program;
    await using run = runSidecar([`by-${signal}`, ...host, "--", ...command], { env });
    expect(await run.ended).toMatchObject({ code: null, signal });
  });

  test.each([
    ["SIGKILL", 137],
    ["SIGQUIT", 131],
    ["SIGUSR1", 138],
    ["SIGSEGV", 139],
  ] as const)("by %s, as a shell says it: %i", async (signal, status) => {
    const program = python(`
import os, resource, signal
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
os.kill(os.getpid(), signal.${signal})
`);
    await using run = runSidecar([`by-${signal}`, ...host, "--", ...program], { env });
    expect(await run.ended).toMatchObject({ code: status, signal: null });
  });
});

describe("as the first process of a container", () => {
  const container = ["-rpf", "--kill-child", "--mount-proc"];
  const possible = spawnSync("unshare", [...container, "true"]).status === 0;

  /** Runs a command as the child of a first process. */
  function inContainer(context: TestContext, flags: string[], command: string[]) {
    if (!possible) context.skip("unshare(1) cannot make a namespace of processes here");
    const register = ["register", "container", ...host, ...flags, "--", ...command];
    const { status, stdout } = spawnSync(
      "unshare",
      [...container, process.execPath, commandFile, ...register],
      {
        env: { ...process.env, ...env },
        encoding: "utf8",
        timeout: 15_000,
        killSignal: "SIGKILL",
      },
    );
    return { status, stdout };
  }

  test("which no signal of its own ends: 128 and the signal's number", (context) => {
    const program = `import os, signal; print(os.getppid(), flush=True); os.kill(os.getpid(), signal.SIGTERM)`;
    const ended = inContainer(context, [], python(program));
    expect(ended).toEqual({ status: 143, stdout: "1\n" });
  });

  test("which nobody collects: does not wait for what has ended", (context) => {
    const ended = inContainer(context, ["--grace", "10m"], ["sh", "-c", "sleep 600 & exit 3"]);
    expect(ended).toEqual({ status: 3, stdout: "" });
  });
});

describe("what cannot be run is never registered", () => {
  test.each([
    ["no such program", "no-such-program", 127, /cannot run no-such-program: there is no such/],
    ["no such file", "./no/such/file", 127, /cannot run file: there is no such program/],
    ["a file that is no program", "PLAIN", 126, /cannot run plain: it cannot be run by this user/],
    ["a folder", "FOLDER", 126, /cannot be run by this user/],
    ["a file as a folder", "PLAIN/program", 126, /cannot run program/],
  ])("%s", async (_, name, status, says) => {
    await using folder = await temporaryFolder();
    const plain = join(folder.path, "plain");
    await writeFile(plain, "text", { mode: 0o644 });
    const program = name.replace("PLAIN", plain).replace("FOLDER", folder.path);
    const service = `cannot-${randomUUID()}`;
    const subscription = discovery.subscribe(service);
    await subscription.waitReady();
    const followed = collect(subscription, ({ type }) => type);
    const begun = performance.now();
    await using run = runSidecar([service, ...host, "--", program], { env });
    const { code, stderr } = await run.ended;
    expect(code).toBe(status);
    expect(stderr).toMatch(says);
    expect(performance.now() - begun).toBeLessThan(5_000);
    // A host that came and went would have left the service's info.
    expect(followed.items).toEqual([]);
    expect(await discovery.services()).not.toContain(service);
  });
});

describe("what is wrong is said before anything is run", () => {
  const program = python(`print("ran")`);

  test.each<[string, string[], RegExp]>([
    ["an unknown flag", ["svc", ...host, "--prot", "http=1"], /unknown option '--prot'/],
    ["no service", [...host], /missing required argument 'service'/],
    ["no port", ["svc", "--hostname", "127.0.0.1"], /ports: a host needs at least one/],
    ["a port that is none", ["svc", "--port", "http=0"], /port/],
    ["a name that no service can have", ["a/b", ...host], /service name/],
    [
      "a check of a port that is not there",
      ["svc", "--port", "x=1", "--port", "y=2", "--check", "tcp"],
      /check/,
    ],
    ["a user without a password", ["svc", ...host, "--user", "ann"], /SERVICE_PASSWORD/],
    [
      "a password file that is not there",
      ["svc", ...host, "--service-password-file", "/no/such"],
      /cannot be read/,
    ],
    ["an endpoint that is none", ["svc", ...host, "--endpoints", "ftp://x"], /endpoint|ETCD_HOSTS/],
  ])("%s: 125", async (_, args, says) => {
    await using run = runSidecar([...args, "--", ...program], { env });
    const { code, stderr, stdout } = await run.ended;
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toMatch(says);
  });

  test("without a command it is 2, as everywhere", async () => {
    await using run = runSidecar(["svc", ...host, "--prot", "http=1"], { env });
    expect((await run.ended).code).toBe(2);
  });

  test("a -- with nothing after it", async () => {
    await using run = runSidecar(["svc", ...host, "--"], { env });
    const { code, stderr } = await run.ended;
    expect(code).toBe(125);
    expect(stderr).toMatch(/a command must follow --/);
  });
});
