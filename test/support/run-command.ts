import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { eventually } from "./eventually.ts";

/** The built program that users run. */
export const commandFile: string = join(import.meta.dirname, "../../dist/cli/main.js");

/** A run of the command, or of any program, as a process. */
export interface CommandRun extends AsyncDisposable {
  readonly pid: number;

  /** What it has written so far. */
  readonly stdout: string;
  readonly stderr: string;

  /** Waits until its standard output, or error, matches. */
  says(pattern: RegExp, stream?: "stdout" | "stderr"): Promise<RegExpMatchArray>;
  write(text: string): void;

  /** Reads no more of what it says, as `head` when it has enough. */
  closeStdout(): void;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<{
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly stdout: string;
    readonly stderr: string;
  }>;
}

export interface RunOptions {
  /** Added to the variables of this process, of which none is about etcd, colours or terminals. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;

  /** Written to its standard input, which then ends. Default: it is open and empty. */
  readonly input?: string | undefined;

  /** On a pseudo-terminal of this width, by python3; both streams come as `stdout` then. */
  readonly terminal?: number | undefined;
}

const strange = /^(?:ETCD_|NO_COLOR|FORCE_COLOR|CI$|HOSTNAME$)/;

/** A program that runs another one on a pseudo-terminal, passes its input and output on, and ends as it does. */
const onTerminal = `
import fcntl, os, pty, select, signal, struct, sys, termios
columns, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, int(columns), 0, 0))
    os.execvp(command[0], command)
signal.signal(signal.SIGTERM, lambda number, frame: os.kill(pid, number))
signal.signal(signal.SIGINT, lambda number, frame: os.kill(pid, number))
open_input = True
while True:
    ready, _, _ = select.select([terminal] + ([0] if open_input else []), [], [])
    try:
        if terminal in ready:
            data = os.read(terminal, 65536)
            if not data: break
            os.write(1, data)
        if 0 in ready:
            data = os.read(0, 65536)
            if data: os.write(terminal, data)
            else: open_input = False
    except OSError:
        break
_, status = os.waitpid(pid, 0)
if os.WIFSIGNALED(status):
    signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
    os.kill(os.getpid(), os.WTERMSIG(status))
sys.exit(os.WEXITSTATUS(status))
`;

/** Runs the built command with these arguments. */
export function runCommand(
  args: readonly string[],
  { env = {}, input, terminal }: RunOptions = {},
): CommandRun {
  const plain = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !strange.test(name)),
  );
  const command = [process.execPath, commandFile, ...args];
  const [program = "", ...rest] =
    terminal === undefined ? command : ["python3", "-c", onTerminal, String(terminal), ...command];
  const child = spawn(program, rest, {
    env: { ...plain, TERM: "xterm", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.on("error", () => {});
  if (input !== undefined) child.stdin.end(input);
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    stdout,
    stderr,
  }));
  return {
    pid: child.pid ?? 0,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    says: (pattern, stream = "stdout") =>
      eventually(
        () => {
          const found = pattern.exec(stream === "stdout" ? stdout : stderr);
          if (found === null) throw new Error(`${String(pattern)} is not in: ${stdout}\n${stderr}`);
          return found;
        },
        15_000,
        5,
      ),
    closeStdout: () => void child.stdout.destroy(),
    write: (text) => void child.stdin.write(text),
    kill: (signal) => void child.kill(signal),
    ended,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
    },
  };
}
