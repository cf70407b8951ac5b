import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";

// It reads the ids of the living processes, a list a line, until its input ends: that is when this
// process has died, however it did. The folder of a process that is still dying resists for a moment.
const script = `
while read -r line; do pids=$line; done
[ -z "$pids" ] || kill -KILL $pids
for try in 1 2 3 4 5; do rm -rf "$1" && break; sleep 1; done
`;

/**
 * Sees to it that no process and no folder outlive this process, even one that is killed by
 * SIGKILL. A small shell that waits at the other end of a pipe; it keeps nothing alive.
 */
export class EtcdReaper {
  readonly #shell: ChildProcess;
  readonly #living = new Set<number>();

  /** @param folder removed when this process ends. */
  constructor(folder: string) {
    // A group of its own, so that Ctrl-C in a terminal does not end it before its time.
    this.#shell = spawn("/bin/sh", ["-c", script, "sh", folder], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    this.#shell.on("error", () => {});
    this.#shell.stdin?.on("error", () => {});
    if (this.#shell.stdin instanceof Socket) this.#shell.stdin.unref();
    this.#shell.unref();
  }

  add(pid: number): void {
    this.#living.add(pid);
    this.#tell();
  }

  /** To be called as soon as a process has ended, for its id may be given to another. */
  remove(pid: number): void {
    this.#living.delete(pid);
    this.#tell();
  }

  /** Ends the shell; it removes the folder as its last act. */
  async close(): Promise<void> {
    if (this.#shell.exitCode !== null || this.#shell.signalCode !== null) return;
    if (this.#shell.pid === undefined) return;
    this.#shell.ref();
    const ended = once(this.#shell, "exit");
    this.#shell.stdin?.end();
    await ended;
  }

  #tell(): void {
    this.#shell.stdin?.write(`${[...this.#living].join(" ")}\n`);
  }
}
