import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { delay } from "../../../async/abort.ts";
import { systemClock } from "../../../async/clock.ts";
import type { ProgramEnd } from "./exit-status.ts";
import { isGroupAlive, signalGroup, signalProcess } from "./process-group.ts";

/** How often it is looked whether what the program has started is still there, once the program itself is not. */
const lookMs = 50;

export interface ProgramOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;

  /** In our session and process group, and so in the terminal's foreground if we are. */
  readonly foreground: boolean;
}

/** A program that runs with our standard streams, leading a session of its own, and all that it starts there. */
export class ProgramProcess {
  readonly pid: number;

  /** Resolves when the program has ended. */
  readonly ended: Promise<ProgramEnd>;

  /** Resolves when the program, and all of its process group, has ended. */
  readonly gone: Promise<void>;
  readonly #foreground: boolean;
  #end: ProgramEnd | undefined;
  #gone = false;

  private constructor(child: ChildProcess, pid: number, foreground: boolean) {
    this.pid = pid;
    this.#foreground = foreground;
    this.ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#end = { code, signal };
        resolve(this.#end);
      });
    });
    this.gone = this.ended.then(() => this.#waitForGroup());
  }

  /** Starts a program, without a shell. Rejects with Node's error if it cannot be started. */
  static async start(
    [program, ...args]: readonly [string, ...string[]],
    { environment, foreground }: ProgramOptions,
  ): Promise<ProgramProcess> {
    const child = spawn(program, args, {
      stdio: "inherit",
      detached: !foreground,
      env: { ...environment },
    });
    if (child.pid !== undefined) {
      const started = new ProgramProcess(child, child.pid, foreground);
      // Nothing else fails: it gets its signals from elsewhere.
      child.on("error", () => {});
      return started;
    }
    const [error] = (await once(child, "error")) as [Error];
    throw error;
  }

  /** Whether neither the program nor anything of its group is left. */
  get over(): boolean {
    return this.#gone;
  }

  /** Sends a signal to the program and all of its group; in the foreground, where that is ours, to the program alone. */
  send(signal: NodeJS.Signals): void {
    // Once nobody is left the id may become another's.
    if (this.#gone) return;
    if (!this.#foreground) signalGroup(this.pid, signal);
    else if (this.#end === undefined) signalProcess(this.pid, signal);
  }

  async #waitForGroup(): Promise<void> {
    while (!this.#foreground && isGroupAlive(this.pid)) await delay(systemClock, lookMs);
    this.#gone = true;
  }
}
