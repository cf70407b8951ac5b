import { spawn } from "node:child_process";
import { once } from "node:events";
import { eventually } from "./eventually.ts";

/** How a program ended, and all that it said on both of its streams. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** A program that a test runs as its users do. */
export interface Program extends AsyncDisposable {
  readonly pid: number;

  /** What it has said so far. */
  output(): string;

  /** Waits until it has said this, and fails at once, with all it has said, if it ends before. */
  said(text: string | RegExp, withinMs?: number): Promise<void>;

  /** Sends a signal to it and, if it leads a group, to all that it has started. */
  kill(signal: NodeJS.Signals): void;
  readonly exit: Promise<ProgramEnd>;
}

/**
 * Starts a program, with none of the variables that would lead it to an etcd other than the one it
 * is given. Disposing of it kills it.
 */
export function startProgram(
  command: string,
  args: readonly string[],
  options: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly cwd?: string | undefined;
    /** So that those that it starts get its signals, too, as from a terminal. Default: false. */
    readonly group?: boolean | undefined;
    /** With a channel to this process, by which `told` is called. */
    readonly told?: ((message: unknown) => void) | undefined;
  },
): Program {
  const { env, cwd, group = false, told } = options;
  const inherited = Object.entries(process.env).filter(([name]) => !/^(ETCD|VITEST)/.test(name));
  const child = spawn(command, args, {
    ...{ cwd, detached: group, env: { ...Object.fromEntries(inherited), ...env } },
    stdio: ["ignore", "pipe", "pipe", ...(told === undefined ? [] : (["ipc"] as const))],
  });
  let output = "";
  let end: ProgramEnd | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  }
  if (told !== undefined) child.on("message", told);
  const exit = Promise.race([once(child, "close"), once(child, "error")]).then(
    ([code, signal]): ProgramEnd => {
      if (code instanceof Error) throw code;
      const ended = { code: code as number | null, signal: signal as NodeJS.Signals | null };
      return (end = { ...ended, output });
    },
  );
  exit.catch(() => {});
  const kill = (signal: NodeJS.Signals): void => {
    const { pid } = child;
    if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    process.kill(group ? -pid : pid, signal);
  };
  return {
    ...{ exit, kill, pid: child.pid ?? 0, output: () => output },
    async said(text, withinMs = 15_000) {
      const has = (): boolean =>
        typeof text === "string" ? output.includes(text) : text.test(output);
      const said = await eventually(() => has() || end !== undefined, withinMs, 10).catch(
        () => false,
      );
      if (said && has()) return;
      const ended = end === undefined ? "" : ` and ended with ${end.signal ?? end.code}`;
      throw new Error(
        `${[command, ...args].join(" ")} did not say ${text}${ended}, but:\n${output}`,
      );
    },
    async [Symbol.asyncDispose]() {
      kill("SIGKILL");
      await exit.catch(() => {});
    },
  };
}
