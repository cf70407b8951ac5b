import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, inject, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { isRunning } from "../support/processes.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { pythonService, runSidecar } from "../support/sidecar.ts";

const endpoint = inject("etcd");
const prefix = `/register-terminal-${randomUUID()}`;
const env = { ETCD_HOSTS: endpoint, ETCD_PREFIX: prefix };
const raw = RawEtcd.at(endpoint);
const flags = ["--hostname", "127.0.0.1", "--port", "http=1", "--ttl", "60s"];
const keysOf = async (service: string) => (await raw.list(`${prefix}/services/${service}/`)).size;

/** The service, and a terminal to type at. */
function start(service: string, more: readonly string[], ...options: string[]) {
  const program = pythonService("--listed", service, ...options);
  return runSidecar([service, ...flags, ...more, "--", ...program], { env, terminal: 200 });
}

const isStopped = (pid: number): boolean =>
  / T /.test(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/.*\)/s, ""));

describe.concurrent("on a terminal", () => {
  test("Ctrl-C comes to the program once, and when the host is off etcd", async () => {
    await using run = start("ctrl-c", []);
    const { terminal } = await run.heard(({ ready }) => ready === true);
    expect(terminal).toBe(false);
    await run.says(/registered as/);
    run.write("\x03");
    expect(await run.ended).toMatchObject({ code: null, signal: "SIGINT" });
    expect(run.said.slice(1)).toEqual([{ name: "child", signal: "SIGINT", hosts: 0 }]);
    expect(await keysOf("ctrl-c")).toBe(0);
  });

  test("the program reads what is typed, though the terminal is not its own", async () => {
    await using run = start("typed", [], "--reads");
    await run.heard(({ ready }) => ready === true);
    run.write("hello\n");
    await run.heard(({ read }) => read === "hello");
    run.write("\x03");
    expect(await run.ended).toMatchObject({ signal: "SIGINT" });
  });

  test("Ctrl-Z stops both, and both go on when they are told to", async () => {
    await using run = start("ctrl-z", []);
    const { parent, pid } = await run.heard(({ ready }) => ready === true);
    await run.says(/registered as/);
    run.write("\x1a");
    await eventually(() => isStopped(pid) && isStopped(parent), 10_000, 5);
    process.kill(parent, "SIGCONT");
    await run.heard(({ signal }) => signal === "SIGCONT");
    expect(isStopped(parent)).toBe(false);
    run.write("\x03");
    expect(await run.ended).toMatchObject({ signal: "SIGINT" });
  });

  test("when the terminal is closed it is unregistered, and the program ends", async () => {
    await using run = start("hung-up", []);
    const { parent, pid } = await run.heard(({ ready }) => ready === true);
    await run.says(/registered as/);
    expect(await keysOf("hung-up")).toBe(1);
    // With the program that keeps it, the terminal goes.
    run.kill("SIGKILL");
    await eventually(async () => (await keysOf("hung-up")) === 0, 10_000, 10);
    await eventually(() => !isRunning(pid) && !isRunning(parent), 10_000, 10);
  });

  test("--foreground: the program has the terminal, and Ctrl-C is between the two", async () => {
    await using run = start("foreground", ["--foreground"], "--ignores", "SIGINT");
    const { group, parent, terminal } = await run.heard(({ ready }) => ready === true);
    expect({ group, terminal }).toEqual({ group: parent, terminal: true });
    await run.says(/registered as/);
    run.write("\x03");
    await run.heard(({ signal }) => signal === "SIGINT");
    run.write("\x03");
    await eventually(() => run.signals.length === 2, 10_000, 5);
    expect(run.said.slice(1)).toEqual([
      { name: "child", signal: "SIGINT", hosts: 1 },
      { name: "child", signal: "SIGINT", hosts: 1 },
    ]);
    process.kill(parent, "SIGTERM");
    expect(await run.ended).toMatchObject({ signal: "SIGTERM" });
    expect(run.said.at(-1)).toMatchObject({ signal: "SIGTERM", hosts: 0 });
  });

  test("--foreground: a program that ends by Ctrl-C is unregistered, and so do we", async () => {
    await using run = start("foreground-end", ["--foreground"]);
    await run.heard(({ ready }) => ready === true);
    await run.says(/registered as/);
    run.write("\x03");
    expect(await run.ended).toMatchObject({ code: null, signal: "SIGINT" });
    expect(await keysOf("foreground-end")).toBe(0);
  });
});
