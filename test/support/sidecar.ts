import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { type CommandRun, runCommand, type RunOptions } from "./run-command.ts";

const script = join(import.meta.dirname, "../fixtures/sidecar/service.py");

/** What the program of `fixtures/sidecar/service.py` says. */
export interface Said {
  readonly name: string;
  readonly ready?: true;
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly terminal: boolean;

  /** With `--tells-environment`. */
  readonly environment: Readonly<Record<string, string>>;

  /** A signal has come; and how many hosts etcd had then. */
  readonly signal?: NodeJS.Signals;
  readonly hosts?: number;
  readonly read?: string;

  /** The status that a health check was answered with. */
  readonly check?: number;
}

/** A run of `register` with a command. */
export interface Sidecar extends CommandRun {
  /** What the program has said so far; of any other output, nothing. */
  readonly said: readonly Said[];

  /** Waits until the program, or what it has started, has said something like this. */
  heard(is: (said: Said) => boolean): Promise<Said>;

  /** The signals that came to the program so far. */
  readonly signals: readonly (NodeJS.Signals | undefined)[];
}

/** The command that runs the service in Python with these options. */
export function pythonService(...options: string[]): string[] {
  return ["python3", script, ...options];
}

/** Runs `register`; what it has started is killed with it when it is disposed of. */
export function runSidecar(args: readonly string[], options: RunOptions = {}): Sidecar {
  const run = runCommand(["register", ...args], options);
  const said = (): Said[] =>
    run.stdout.split(/\r?\n/).flatMap((line) => {
      // A terminal shows what is typed in front of it.
      const at = line.indexOf('{"name"');
      try {
        return at === -1 ? [] : [JSON.parse(line.slice(at)) as Said];
      } catch {
        // Not all of it has come.
        return [];
      }
    });
  return {
    pid: run.pid,
    get stdout() {
      return run.stdout;
    },
    get stderr() {
      return run.stderr;
    },
    says: (pattern, stream) => run.says(pattern, stream),
    write: (text) => run.write(text),
    closeStdout: () => run.closeStdout(),
    kill: (signal) => run.kill(signal),
    ended: run.ended,
    get said() {
      return said();
    },
    get signals() {
      return said()
        .filter(({ name, signal }) => name === "child" && signal !== undefined)
        .map(({ signal }) => signal);
    },
    heard: (is) =>
      eventually(
        () => {
          const found = said().find((each) => is(each));
          if (found !== undefined) return found;
          throw new Error(`it did not say that, but: ${run.stdout}\n${run.stderr}`);
        },
        15_000,
        5,
      ),
    async [Symbol.asyncDispose]() {
      // The program leads a group of its own, and holds the pipes whose end is waited for.
      const text = `${run.stdout}\n${run.stderr}`;
      const pids = text.matchAll(/\(pid (\d+)\)|"pid": ?(\d+)/g);
      const groups = new Set([...pids].map(([, plain, json]) => Number(plain ?? json)));
      for (const group of groups) killGroup(group);
      await run[Symbol.asyncDispose]();
    },
  };
}

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // It has ended.
  }
}
