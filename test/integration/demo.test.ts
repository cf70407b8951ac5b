import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findEtcd, startEtcd } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { isRunning } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const main = join(import.meta.dirname, "../../examples/demo/main.js");

describe.concurrent("the demo", { timeout: 40_000 }, () => {
  test("plays on an etcd of its own, and ends by itself", async () => {
    const { path, version } = await findEtcd();
    await using demo = startDemo({ ETCD_BIN: path });
    await demo.success();
    expect(demo.output()).toContain(`etcd-discovery on etcd ${version} (`);
    expectAllScenes(demo.output());
    for (const pid of pidsIn(demo.output())) expect(isRunning(pid)).toBe(false);
    expect(new Set(pidsIn(demo.output())).size).toBe(3);
  });

  test("plays in one process on the memory store, and says so", async () => {
    await using demo = startDemo({ DEMO_STORE: "memory" });
    await demo.success();
    expect(demo.output()).toContain("etcd-discovery on the memory store, in one process");
    expectAllScenes(demo.output());
    expect(new Set(pidsIn(demo.output()))).toEqual(new Set([demo.pid]));
  });

  test("plays on the memory store where there is no etcd, and says why", async () => {
    await using folder = await temporaryFolder();
    await using demo = startDemo({ PATH: folder.path }, folder.path);
    await demo.success();
    expect(demo.output()).toContain("No etcd to run on this machine");
    expect(demo.output()).toContain("on the memory store, in one process, for want of an etcd");
    expectAllScenes(demo.output());
  });

  test("plays on the etcd of ETCD_HOSTS, tells no password, and says what stays", async () => {
    const rootPassword = "root-secret";
    await using etcd = await startEtcd({ auth: { rootPassword } });
    await using demo = startDemo({
      ETCD_HOSTS: etcd.endpoint,
      ETCD_USERNAME: "root",
      ETCD_PASSWORD: rootPassword,
      ETCD_PREFIX: "/there",
    });
    await demo.success();
    expectAllScenes(demo.output());

    const all = Buffer.of(0).toString("base64");
    const { kvs } = await etcd.call("/v3/kv/range", { key: all, range_end: all });
    const [info, ...others] = kvs as { key: string; value: string }[];
    expect(others).toEqual([]);
    expect(demo.output()).toContain(` ${atob(info?.key ?? "")}\n`);
    const { password } = JSON.parse(atob(info?.value ?? "")) as { password: string };
    expect(password).toHaveLength(16);
    expect(demo.output()).not.toContain(password);
    expect(demo.output()).not.toContain(rootPassword);
  });
});

describe("the demo", { timeout: 40_000 }, () => {
  test("fails soon where ETCD_HOSTS leads nowhere", async () => {
    await using demo = startDemo({ ETCD_HOSTS: "http://127.0.0.1:9" });
    expect(await demo.exit).toBe(1);
    expect(demo.output()).toContain("127.0.0.1:9");
    expect(demo.output()).not.toContain("1. ");
  });

  test("fails, and leaves nobody behind, when a scene does not happen", async () => {
    const { path } = await findEtcd();
    await using demo = startDemo({ ETCD_BIN: path });
    const pids = await eventually(
      () => pidsIn(demo.output()).length === 3 && pidsIn(demo.output()),
      15_000,
    );
    process.kill(pids[2] ?? 0, "SIGKILL");
    expect(await demo.exit).toBe(1);
    expect(demo.output()).toContain("ended by SIGKILL");
    expect(demo.output()).not.toContain("All 5 scenes happened");
    for (const pid of pids) await eventually(() => !isRunning(pid));
  });

  test("leaves nobody behind when it is killed", async () => {
    const { path } = await findEtcd();
    await using demo = startDemo({ ETCD_BIN: path });
    const pids = await eventually(
      () => pidsIn(demo.output()).length === 3 && pidsIn(demo.output()),
      15_000,
    );
    process.kill(demo.pid, "SIGKILL");
    for (const pid of pids) await eventually(() => !isRunning(pid));
  });
});

interface Demo extends AsyncDisposable {
  readonly pid: number;
  /** The exit code, when it has ended and said all. */
  readonly exit: Promise<number | null>;
  /** Waits for its end, which must be a good one. */
  success(): Promise<void>;
  output(): string;
}

/** Starts the demo with these variables and none of those that would lead it elsewhere. */
function startDemo(variables: NodeJS.ProcessEnv, cwd?: string): Demo {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(ETCD|DEMO)_/.test(name));
  const child = spawn(process.execPath, [main], {
    cwd,
    env: { ...Object.fromEntries(inherited), ...variables },
    stdio: ["ignore", "pipe", "pipe"],
    // It promises to end within 30 s; a test that is out of time cannot see to it any more.
    timeout: 35_000,
    killSignal: "SIGKILL",
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  }
  const exit = once(child, "close").then(([code]: (number | null)[]) => code ?? null);
  return {
    pid: child.pid ?? 0,
    exit,
    output: () => output,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exit;
    },
    async success() {
      const code = await exit;
      if (code !== 0) throw new Error(`the demo ended with exit code ${code}:\n${output}`);
    },
  };
}

function expectAllScenes(output: string): void {
  expect(output).not.toContain("\u001B");
  const nodes = ["node-1", "node-2", "node-3"];
  const wanted = [
    ...nodes.map((node) => `follower   + ${node} is up`),
    ...nodes.map((node) => `follower   > calls ${node}: hello from ${node}`),
    "node-1     * gives the service a new password",
    "node-2     * took the new password",
    "node-3     * took the new password",
    ...nodes.map((node) => `follower   * ${node} has another password`),
    "follower   - node-2 is down: expired",
    "node-3     ~ wants to leave",
    "follower   ~ node-3 is about to leave",
    "follower   - node-3 is down: unregistered",
  ];
  for (const line of wanted) expect(output).toContain(line);
  expect(output).toMatch(/^All 5 scenes happened, in \d+\.\d s\.$/m);
}

function pidsIn(output: string): number[] {
  return [...output.matchAll(/ registered .* \(pid (\d+)\)/g)].map(([, pid]) => Number(pid));
}
