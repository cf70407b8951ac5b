import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { isRunning } from "../support/processes.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { commandFile } from "../support/run-command.ts";
import { pythonService, runSidecar, type Sidecar } from "../support/sidecar.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

let etcd: EtcdCluster;
let raw: RawEtcd;
beforeAll(async () => {
  etcd = await startEtcd();
  raw = new RawEtcd(etcd);
});
afterAll(() => etcd.stop());

const host = ["--hostname", "127.0.0.1", "--port", "http=1"];
const env = () => ({ ETCD_HOSTS: etcd.endpoint });
const keysOf = async (service: string) => (await raw.list(`/services/${service}/`)).size;

const start = (service: string, flags: readonly string[] = [], ...options: string[]) =>
  runSidecar([service, ...host, ...flags, "--", ...pythonService(...options)], { env: env() });

const ready = (run: Sidecar) => run.heard((said) => said.ready === true);

describe("an etcd that is away", () => {
  // Also if a test failed meanwhile: the next one is about something else.
  afterEach(async () => {
    if (etcd.pid === undefined) await etcd.restart();
    else etcd.resume();
  });

  test("at the start: the program runs, and is registered once it is there", async () => {
    await etcd.kill();
    await using run = start("late");
    const { pid } = await ready(run);
    await run.says(/could not open a session; trying again: .*/, "stderr");
    await etcd.restart();
    await run.says(/registered as/, "stderr");
    expect(await keysOf("late")).toBe(1);
    expect(isRunning(pid)).toBe(true);
    run.kill("SIGTERM");
    expect(await run.ended).toMatchObject({ signal: "SIGTERM" });
    expect(await keysOf("late")).toBe(0);
  });

  test("before it ever answers, signals are heeded", async () => {
    await etcd.kill();
    await using run = start("never", [], "--ends-with", "4");
    await ready(run);
    run.kill("SIGUSR2");
    await run.heard(({ signal }) => signal === "SIGUSR2");
    const told = performance.now();
    run.kill("SIGTERM");
    const { code, stderr } = await run.ended;
    expect(code).toBe(4);
    expect(performance.now() - told).toBeLessThan(5_000);
    expect(stderr).not.toMatch(/registered$/m);
  });

  test("meanwhile: the program lives, and is registered again", async () => {
    await using run = start("meanwhile");
    const { pid } = await ready(run);
    await run.says(/registered as/, "stderr");
    await etcd.wipe();
    await eventually(async () => (await keysOf("meanwhile")) === 1, 15_000, 20);
    await run.says(/registered as[^]*not registered any more[^]*registered as/, "stderr");
    expect(isRunning(pid)).toBe(true);
    expect(run.signals).toEqual([]);
    run.kill("SIGTERM");
    await run.ended;
  });

  test("and hangs when it is to stop: the program is told in time, and the lease ends the record", async () => {
    await using run = start("hangs", ["--ttl", "2s"], "--ends-with", "4");
    await ready(run);
    await run.says(/registered as/, "stderr");
    etcd.pause();
    const told = performance.now();
    run.kill("SIGTERM");
    await run.heard(({ signal }) => signal === "SIGTERM");
    expect(performance.now() - told).toBeLessThan(4_000);
    expect(await run.ended).toMatchObject({ code: 4 });
    expect(performance.now() - told).toBeLessThan(5_000);
    expect(run.stderr).toMatch(/not confirmed by etcd/);
    etcd.resume();
    await eventually(async () => (await keysOf("hangs")) === 0, 15_000, 20);
  });
});

describe("our own end", () => {
  test("by SIGKILL: the program lives on, and the lease ends the record", async () => {
    await using run = start("killed", ["--ttl", "2s"]);
    const { pid } = await ready(run);
    await run.says(/registered as/, "stderr");
    run.kill("SIGKILL");
    await eventually(() => !isRunning(run.pid), 10_000, 10);
    await eventually(async () => (await keysOf("killed")) === 0, 15_000, 20);
    expect(isRunning(pid)).toBe(true);
    expect(run.signals).toEqual([]);
  });

  /** Makes SIGALRM, which nobody takes, a fault of ours. */
  async function faulty(service: string, fault: string, use: (run: Sidecar) => Promise<void>) {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "fault.cjs");
    await writeFile(file, `process.on("SIGALRM", () => { ${fault} });`);
    const program = pythonService("--listed", service);
    await using run = runSidecar([service, ...host, "--", ...program], {
      env: { ...env(), NODE_OPTIONS: `--require ${file}` },
    });
    await ready(run);
    await run.says(/registered as/, "stderr");
    run.kill("SIGALRM");
    await use(run);
  }

  test("by a fault: the program is stopped as by SIGTERM", () =>
    faulty("fault", `throw new Error("out of order")`, async (run) => {
      expect(await run.ended).toMatchObject({ code: 125, signal: null });
      expect(run.said.slice(1)).toEqual([{ name: "child", signal: "SIGTERM", hosts: 0 }]);
      expect(run.stderr).toMatch(/failed, and stops python3: Error: out of order/);
    }));

  test("by a fault that leaves no time: the program is killed", () =>
    faulty("exit", "process.exit(3)", async (run) => {
      const { pid } = await ready(run);
      expect(await run.ended).toMatchObject({ code: 3 });
      expect(isRunning(pid)).toBe(false);
    }));
});

describe("what it says cannot be written", () => {
  test.each([
    ["as the disk is full", "/dev/full"],
    ["as nobody is there to read it", "PIPE"],
    ["as whoever should read it does not, and the program has filled it", "SOCKET"],
  ])("%s: the program lives, and all goes its way", async (_, to) => {
    const service = `unheard-${to.replaceAll("/", "")}`;
    // What Node.js gives a child is a socket.
    const redirected = to.startsWith("/") ? `2>${to}` : "";
    const register = [process.execPath, commandFile, "register", service, ...host, "--"];
    const python = pythonService("--ends-with", "6");
    const flooded = `while :; do echo full; done >&2 & exec "$@"`;
    const program = to === "SOCKET" ? ["sh", "-c", flooded, "sh", ...python] : python;
    const child = spawn("sh", ["-c", `exec "$@" ${redirected}`, "sh", ...register, ...program], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...env() },
    });
    if (to === "PIPE") child.stderr.destroy();
    else if (to !== "SOCKET") child.stderr.resume();
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    try {
      await eventually(async () => (await keysOf(service)) === 1, 10_000, 10);
      // It has something to say.
      const [key = ""] = (await raw.list(`/services/${service}/`)).keys();
      await raw.delete(key);
      await eventually(async () => (await keysOf(service)) === 1, 10_000, 10);
      await eventually(() => stdout.includes('"ready": true'), 10_000, 10);
      child.kill("SIGTERM");
      const [code] = (await once(child, "exit")) as [number | null];
      expect(code).toBe(6);
      expect(await keysOf(service)).toBe(0);
    } finally {
      child.kill("SIGKILL");
      const [, pid] = /"pid": (\d+)/.exec(stdout) ?? [];
      // With all of its group.
      if (pid !== undefined && isRunning(Number(pid))) process.kill(-Number(pid), "SIGKILL");
    }
  });
});

describe("an etcd that asks for a password", () => {
  let guarded: EtcdCluster;
  beforeAll(async () => {
    guarded = await startEtcd({
      auth: {
        rootPassword: "r00t-secret",
        roles: [
          { name: "host", permissions: [{ access: "readwrite", prefix: "/services" }] },
          { name: "none", permissions: [{ access: "read", prefix: "/services" }] },
        ],
        users: [
          { name: "host", password: "h0st-secret", roles: ["host"] },
          { name: "none", password: "n0ne-secret", roles: ["none"] },
        ],
      },
    });
  });
  afterAll(() => guarded.stop());

  const run = (service: string, more: Readonly<Record<string, string>>, flags: string[] = []) =>
    runSidecar([service, ...host, ...flags, "--", ...pythonService("--tells-environment")], {
      env: { ETCD_HOSTS: guarded.endpoint, ...more },
    });

  test("is signed in to, and the program has nothing of it", async () => {
    const signIn = { ETCD_USERNAME: "host", ETCD_PASSWORD: "h0st-secret" };
    await using sidecar = run("guarded", signIn, ["--debug"]);
    const { environment, pid } = await ready(sidecar);
    await sidecar.says(/registered as/, "stderr");
    expect(environment).not.toHaveProperty("ETCD_USERNAME");
    expect(JSON.stringify(environment)).not.toContain("h0st-secret");
    for (const each of [pid, sidecar.pid]) {
      expect(readFileSync(`/proc/${each}/cmdline`, "utf8")).not.toContain("h0st-secret");
    }
    sidecar.kill("SIGTERM");
    const { signal, stderr, stdout } = await sidecar.ended;
    expect(signal).toBe("SIGTERM");
    expect(stderr + stdout).not.toContain("h0st-secret");
  });

  test.each([
    ["no password", {}],
    ["a wrong one", { ETCD_USERNAME: "host", ETCD_PASSWORD: "wr0ng-secret" }],
    ["no right to write", { ETCD_USERNAME: "none", ETCD_PASSWORD: "n0ne-secret" }],
  ])("%s: says so, and the program runs all the same", async (_, signIn) => {
    await using sidecar = run("denied", signIn);
    const { pid } = await ready(sidecar);
    await sidecar.says(/not registered, and tried again: /, "stderr");
    expect(isRunning(pid)).toBe(true);
    sidecar.kill("SIGTERM");
    const { signal, stderr } = await sidecar.ended;
    expect(signal).toBe("SIGTERM");
    expect(stderr).not.toContain("-secret");
  });
});

test("by etcd's API 2", async () => {
  await using older = await startEtcd({ args: ["--enable-v2"] });
  const flags = ["older", ...host, "--api", "2"];
  const listed = async (): Promise<number> => {
    const answer = await fetch(`${older.endpoint}/v2/keys/services/older`);
    const { node } = (await answer.json()) as { node?: { nodes?: unknown[] } };
    return node?.nodes?.length ?? 0;
  };
  await using run = runSidecar([...flags, "--", ...pythonService()], {
    env: { ETCD_HOSTS: older.endpoint },
  });
  await ready(run);
  await run.says(/registered as/, "stderr");
  expect(await listed()).toBe(1);
  run.kill("SIGTERM");
  expect(await run.ended).toMatchObject({ signal: "SIGTERM" });
  expect(await listed()).toBe(0);
});
