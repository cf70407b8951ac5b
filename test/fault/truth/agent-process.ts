import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { rolldown } from "rolldown";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { waitUntilStopped } from "../../../src/testing/process-stopped.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import type { AgentOptions, Order } from "./agent.ts";
import type { Command, News } from "./commands.ts";

const entry = pathToFileURL(join(import.meta.dirname, "../../../dist/index.js")).href;

/** The program that agents run, as Node.js can run it. */
export interface AgentProgram extends AsyncDisposable {
  readonly path: string;
}

export async function buildAgent(): Promise<AgentProgram> {
  const folder = await temporaryFolder();
  const path = join(folder.path, "agent.mjs");
  const bundle = await rolldown({
    input: join(import.meta.dirname, "agent.ts"),
    external: /^node:/,
    logLevel: "silent",
  });
  await bundle.write({ file: path, format: "esm" });
  await bundle.close();
  return { path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

/** A process with an actor in it, that uses the built package. */
export class AgentProcess {
  readonly #child: ChildProcess;
  #stderr = "";
  #frozen = false;

  /** How it ended. */
  readonly exit: Promise<string>;

  constructor(
    { path }: AgentProgram,
    discovery: AgentOptions["discovery"],
    heard: (news: News) => void,
  ) {
    const options: AgentOptions = { entry, discovery };
    this.#child = fork(path, [JSON.stringify(options)], {
      execArgv: ["--unhandled-rejections=strict"],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      env: { PATH: process.env["PATH"] },
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    this.#child.on("message", (news) => heard(news as News));
    // Of a channel to a process that was killed.
    this.#child.on("error", () => {});
    this.exit = once(this.#child, "close").then(
      ([code, signal]) => `${code ?? signal}${this.#stderr && ` and said: ${this.#stderr}`}`,
    );
  }

  tell(about: number, command: Command): void {
    const order: Order = { about, command };
    if (this.#child.connected) this.#child.send(order, () => {});
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  freeze(): void {
    if (!this.alive || this.#child.pid === undefined) return;
    this.#frozen = true;
    this.#child.kill("SIGSTOP");
    waitUntilStopped(this.#child.pid);
  }

  thaw(): void {
    if (this.#frozen && this.alive) this.#child.kill("SIGCONT");
    this.#frozen = false;
  }

  kill(): void {
    if (this.alive) this.#child.kill("SIGKILL");
  }
}
