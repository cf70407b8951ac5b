import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DiscoveryError } from "../errors.ts";
import { etcdEnvironment } from "./etcd-binary.ts";
import { callGateway, type EtcdJson } from "./etcd-gateway.ts";
import type { EtcdReaper } from "./etcd-reaper.ts";
import { waitUntilStopped } from "./process-stopped.ts";

/** How often a condition is looked at again while it is waited for. */
const pollMs = 15;

/** One etcd process after another, in one folder. Its addresses are in the flags. */
export class EtcdProcess {
  readonly dataDir: string;
  readonly #binary: string;
  readonly #folder: string;
  readonly #reaper: EtcdReaper;
  #child: ChildProcess | undefined;
  #paused = false;
  #keptLogs: string | undefined;

  /** @param folder its own, and there; the flags name the Unix socket `admin:0` in it. */
  constructor(binary: string, folder: string, reaper: EtcdReaper) {
    this.dataDir = join(folder, "data");
    this.#binary = binary;
    this.#folder = folder;
    this.#reaper = reaper;
  }

  /** The id of the process that runs now. */
  get pid(): number | undefined {
    return this.#child === undefined || hasEnded(this.#child) ? undefined : this.#child.pid;
  }

  /** Whether it was stopped by SIGSTOP. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Starts a process; it must not be running. Rejects if there is no process, not if it fails later. */
  async launch(flags: readonly string[], variables: NodeJS.ProcessEnv = {}): Promise<void> {
    // A killed etcd leaves its socket behind, and 3.4 would not start beside it.
    rmSync(join(this.#folder, "admin:0"), { force: true });
    const log = openSync(join(this.#folder, "log"), "a");
    try {
      // A file, not a pipe, so that etcd never waits for a reader; a group of its own, so that
      // Ctrl-C in a terminal reaches this process first.
      const child = spawn(this.#binary, [...flags, "--data-dir", "data"], {
        cwd: this.#folder,
        env: { ...etcdEnvironment(process.env), ...variables },
        stdio: ["ignore", log, log],
        detached: true,
      });
      child.unref();
      await once(child, "spawn");
      this.#child = child;
      this.#paused = false;
      const pid = child.pid;
      if (pid !== undefined) {
        this.#reaper.add(pid);
        child.once("exit", () => this.#reaper.remove(pid));
      }
    } catch (error) {
      throw new DiscoveryError("UNAVAILABLE", `${this.#binary} could not be started.`, {
        cause: error,
      });
    } finally {
      closeSync(log);
    }
  }

  /** Waits until it serves and has a leader. */
  async waitHealthy(deadline: number, signal: AbortSignal | undefined): Promise<void> {
    const child = this.#child;
    while (!(await this.#healthy())) {
      signal?.throwIfAborted();
      if (child === undefined || hasEnded(child)) {
        throw new DiscoveryError(
          "UNAVAILABLE",
          `etcd ended while it was starting. It said:\n${this.logs()}`,
        );
      }
      if (performance.now() > deadline) {
        throw new DiscoveryError(
          "TIMEOUT",
          `etcd did not become healthy in time. It said:\n${this.logs()}`,
        );
      }
      await sleep(pollMs);
    }
  }

  /** Ends it with SIGKILL, if it runs, and waits until it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || hasEnded(child)) return;
    child.ref();
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** Sends a signal; after SIGSTOP it has stopped when this returns. */
  signal(name: "SIGSTOP" | "SIGCONT"): void {
    const child = this.#child;
    if (child?.pid === undefined || !child.kill(name)) {
      throw new DiscoveryError("UNAVAILABLE", "This etcd does not run.");
    }
    this.#paused = name === "SIGSTOP";
    if (this.#paused) waitUntilStopped(child.pid);
  }

  call(
    path: string,
    options: {
      readonly body?: EtcdJson | undefined;
      readonly token?: string | undefined;
      readonly timeoutMs: number;
    },
  ): Promise<EtcdJson> {
    return callGateway(join(this.#folder, "admin:0"), path, options);
  }

  /** The last lines of what it wrote; stays readable when the folder is gone. */
  logs(): string {
    const path = join(this.#folder, "log");
    if (!existsSync(path)) return this.#keptLogs ?? "";
    this.#keptLogs = readFileSync(path, "utf8").trimEnd().split("\n").slice(-100).join("\n");
    return this.#keptLogs;
  }

  async #healthy(): Promise<boolean> {
    try {
      return (await this.call("/health", { timeoutMs: 1_000 }))["health"] === "true";
    } catch {
      // Not yet; the caller knows for how long.
      return false;
    }
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
