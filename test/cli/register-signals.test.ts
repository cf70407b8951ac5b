import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, inject, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { isRunning } from "../support/processes.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { pythonService, runSidecar, type Sidecar } from "../support/sidecar.ts";

const endpoint = inject("etcd");
const prefix = `/register-signals-${randomUUID()}`;
const env = { ETCD_HOSTS: endpoint, ETCD_PREFIX: prefix };
const raw = RawEtcd.at(endpoint);
const host = ["--hostname", "127.0.0.1", "--port", "http=1"];

const ready = (run: Sidecar, name = "child") =>
  run.heard((said) => said.ready === true && said.name === name);

const got = (run: Sidecar, signal: NodeJS.Signals, name = "child") =>
  run.heard((said) => said.signal === signal && said.name === name);

/** The state that the system says of a process, such as `T` for stopped. */
function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
}

describe.concurrent("signals", () => {
  test("the program leads a session of its own", async () => {
    await using run = runSidecar(["session", ...host, "--", ...pythonService()], { env });
    const { group, parent, pid, session } = await ready(run);
    expect({ group, parent, session }).toEqual({ group: pid, parent: run.pid, session: pid });
  });

  test.each(["SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT", "SIGHUP"] as const)(
    "%s is passed on, and ends nothing",
    async (signal) => {
      const service = `forward-${signal}`;
      await using run = runSidecar(
        [service, ...host, "--", ...pythonService("--ignores", "SIGHUP")],
        {
          env,
        },
      );
      await ready(run);
      await run.says(/registered as/, "stderr");
      for (let count = 1; count <= 2; count += 1) {
        run.kill(signal);
        await eventually(() => run.signals.length === count, 10_000, 5);
      }
      expect(run.signals).toEqual([signal, signal]);
      expect((await raw.list(`${prefix}/services/${service}/`)).size).toBe(1);
      // Node.js has a use of its own for SIGUSR1.
      expect(run.stderr).not.toMatch(/[Dd]ebugger/);
    },
  );

  test.each(["SIGTERM", "SIGINT", "SIGQUIT"] as const)(
    "%s unregisters first, and is then passed on as it is",
    async (signal) => {
      const service = `stop-${signal}`;
      const program = pythonService("--listed", service, "--ends-with", "0");
      await using run = runSidecar([service, ...host, "--", ...program], { env });
      await ready(run);
      await run.says(/registered as/, "stderr");
      run.kill(signal);
      expect(await run.ended).toMatchObject({ code: 0, signal: null });
      expect(run.said.slice(1)).toEqual([{ name: "child", signal, hosts: 0 }]);
    },
  );

  test("what the program has started gets them, too", async () => {
    const program = pythonService("--grandchild");
    await using run = runSidecar(["grandchild", ...host, "--", ...program], { env });
    const { pid } = await ready(run, "grandchild");
    await ready(run);
    run.kill("SIGUSR1");
    await got(run, "SIGUSR1", "grandchild");
    run.kill("SIGTERM");
    await run.ended;
    await got(run, "SIGTERM", "grandchild");
    expect(isRunning(pid)).toBe(false);
  });

  test("what the program leaves behind when it ends is told to stop, and waited for", async () => {
    const command = ["sh", "-c", '"$@" & read line', "sh", ...pythonService("--name", "left")];
    await using run = runSidecar(["left", ...host, "--", ...command], { env });
    const { pid } = await ready(run, "left");
    run.write("\n");
    expect(await run.ended).toMatchObject({ code: 0, signal: null });
    await got(run, "SIGTERM", "left");
    expect(isRunning(pid)).toBe(false);
  });

  test("a program that does not heed SIGTERM is killed after its grace, with what it has started", async () => {
    const program = pythonService("--grandchild", "--ignores", "SIGTERM");
    const flags = ["stubborn", ...host, "--grace", "300ms"];
    await using run = runSidecar([...flags, "--", ...program], { env });
    const { pid } = await ready(run, "grandchild");
    await ready(run);
    const told = performance.now();
    run.kill("SIGTERM");
    expect(await run.ended).toMatchObject({ code: 137, signal: null });
    expect(performance.now() - told).toBeGreaterThan(300);
    expect(run.stderr).toMatch(/SIGKILL to python3/);
    expect(isRunning(pid)).toBe(false);
  });

  test("a second signal does not wait for the grace to end", async () => {
    const program = pythonService("--ignores", "SIGTERM,SIGINT");
    const flags = ["hurry", ...host, "--grace", "10m"];
    await using run = runSidecar([...flags, "--", ...program], { env });
    await ready(run);
    run.kill("SIGTERM");
    await got(run, "SIGTERM");
    run.kill("SIGINT");
    expect(await run.ended).toMatchObject({ code: 137, signal: null });
  });

  test("a second signal does not wait for the draining to end", async () => {
    const flags = ["hurry-drain", ...host, "--drain", "10m"];
    await using run = runSidecar([...flags, "--", ...pythonService()], { env });
    await ready(run);
    await run.says(/registered as/, "stderr");
    run.kill("SIGTERM");
    await run.says(/draining/, "stderr");
    expect(run.signals).toEqual([]);
    run.kill("SIGTERM");
    expect(await run.ended).toMatchObject({ signal: "SIGTERM" });
    expect(run.signals).toEqual(["SIGTERM"]);
    await eventually(async () => (await raw.list(`${prefix}/services/hurry-drain/`)).size === 0);
  });

  test("without a command, a second signal does not wait for the draining to end", async () => {
    const flags = ["hurry-alone", ...host, "--drain", "10m"];
    await using run = runSidecar(flags, { env });
    await run.says(/registered as/, "stderr");
    run.kill("SIGTERM");
    await run.says(/draining/, "stderr");
    run.kill("SIGTERM");
    expect(await run.ended).toMatchObject({ signal: "SIGTERM" });
  });

  test("SIGTSTP stops the program and us; SIGCONT lets both go on", async () => {
    await using run = runSidecar(["suspended", ...host, "--", ...pythonService()], { env });
    const { pid } = await ready(run);
    await run.says(/registered as/, "stderr");
    run.kill("SIGTSTP");
    await eventually(() => stateOf(pid) === "T" && stateOf(run.pid) === "T", 10_000, 5);
    run.kill("SIGCONT");
    await got(run, "SIGCONT");
    expect(stateOf(run.pid)).not.toBe("T");
    run.kill("SIGTERM");
    expect(await run.ended).toMatchObject({ signal: "SIGTERM" });
  });
});
