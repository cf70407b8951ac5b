import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { temporaryFolder } from "./temporary-folder.ts";

const entry = join(import.meta.dirname, "../../dist/index.js");

/** A process of its own that uses the built package. */
export interface Child extends AsyncDisposable {
  readonly pid: number;

  /** What it has said so far with `say`. */
  readonly said: readonly unknown[];

  /** Waits until it has said something like this, and returns it. */
  heard<T>(is: (said: T) => boolean, withinMs?: number): Promise<T>;

  /** Makes what it says with `await told()` go on. */
  tell(text: string): void;
  kill(signal: NodeJS.Signals): void;

  /** How it ended. What it wrote to its standard error is there too, and should be nothing. */
  readonly exit: Promise<{
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly stderr: string;
  }>;
}

/**
 * Runs a script in which `service` is the built package and `Discovery` its class, `say(value)`
 * tells the test something and `told()` waits for the test's word. Any unhandled rejection ends it
 * with a failure.
 */
export async function runChild(
  script: string,
  options: {
    readonly env?: Readonly<Record<string, string | undefined>> | undefined;
    readonly require?: boolean | undefined;
  } = {},
): Promise<Child> {
  const load =
    options.require === true
      ? `const fs = require("node:fs"); const service = require(${JSON.stringify(entry)});`
      : `import fs from "node:fs"; import * as service from ${JSON.stringify(pathToFileURL(entry).href)};`;
  const tools = `
    const { Discovery } = service;
    // Not through process.stdout, and process.stdin not before it is needed: those are resources too.
    const say = (value) => fs.writeSync(1, JSON.stringify(value) + "\\n");
    let unread = "";
    const told = async () => {
      while (!unread.includes("\\n")) {
        unread += await new Promise((resolve) => {
          process.stdin.ref();
          process.stdin.once("data", (data) => {
            // What comes before the next question is to wait for it.
            process.stdin.pause();
            process.stdin.unref();
            resolve(String(data));
          });
          process.stdin.resume();
        });
      }
      const [word] = unread.split("\\n", 1);
      unread = unread.slice(word.length + 1);
      return word;
    };
  `;
  const body = options.require === true ? `(async () => {${script}\n})();` : script;
  const folder = await temporaryFolder();
  // A file, as Node.js itself opens a pipe for a script that comes with the command line.
  const file = join(folder.path, options.require === true ? "main.cjs" : "main.mjs");
  await writeFile(file, load + tools + body);
  const child = spawn(process.execPath, ["--unhandled-rejections=strict", file], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
  });
  const said: unknown[] = [];
  const listeners = new Set<() => void>();
  let line = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (line + chunk).split("\n");
    line = lines.pop() ?? "";
    said.push(...lines.map((each): unknown => JSON.parse(each)));
    for (const listener of [...listeners]) listener();
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  child.stdin.on("error", () => {});
  const exit = once(child, "close").then(async ([code, signal]) => {
    await folder[Symbol.asyncDispose]();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, stderr };
  });
  await once(child, "spawn");
  return {
    pid: child.pid ?? 0,
    said,
    exit,
    heard<T>(is: (said: T) => boolean, withinMs = 10_000): Promise<T> {
      return new Promise((resolve, reject) => {
        const over = (): void => {
          listeners.delete(look);
          clearTimeout(timer);
        };
        const fail = (): void => {
          over();
          const all = JSON.stringify(said);
          reject(new Error(`the process did not say that, but ${all}, and: ${stderr}`));
        };
        const look = (): void => {
          const found = (said as T[]).find(is);
          if (found === undefined) return;
          over();
          resolve(found);
        };
        const timer = setTimeout(fail, withinMs);
        listeners.add(look);
        look();
        void exit.then(fail);
      });
    },
    tell: (text) => void child.stdin.write(`${text}\n`),
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exit;
    },
  };
}
