import { execFile } from "node:child_process";
import { access, constants, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";

/** What a command that was run to its end left behind. */
export interface CommandResult {
  /** Whether it ended by itself with exit code 0. */
  readonly ok: boolean;
  /** What it wrote, both streams, trimmed. */
  readonly output: string;
}

/** Runs a command to its end. Never rejects: that it failed, or could not be started, is in the result. */
export function runCommand(
  file: string,
  args: readonly string[],
  options: {
    readonly cwd?: string | undefined;
    readonly env: NodeJS.ProcessEnv;
    readonly timeoutMs: number;
  },
): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(
      file,
      args,
      {
        cwd: options.cwd,
        env: { ...options.env, LC_ALL: "C" },
        timeout: options.timeoutMs,
        killSignal: "SIGKILL",
      },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`.trim();
        resolve({ ok: error === null, output: output === "" ? (error?.message ?? "") : output });
      },
    );
  });
}

/** The file of that name on the `PATH` of `env` that this user may run. */
export async function onPath(name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const folder of (env["PATH"] ?? "").split(delimiter)) {
    // A relative entry would mean another file in another working directory.
    if (!isAbsolute(folder)) continue;
    const path = join(folder, name);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

/** Whether `path` is a file that this user may run. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
