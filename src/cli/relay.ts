import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { settledWithin } from "../async/abort.ts";
import { systemClock } from "../async/clock.ts";
import type { OutputStream } from "./output.ts";

/** Ignores what ends a whole service, as our last words come after that. */
const copying = ["-c", `trap "" HUP INT QUIT TERM; exec cat`];

/** What a shell ends with that finds no such program. */
const notFound = 127;

/** How much is kept for a reader who is slow. */
const mostBytes = 65_536;

/** How long until another copier is started in the place of one that has ended. */
const againMs = 1_000;

/** How long a reader is waited for at the end. */
const endMs = 500;

/**
 * A way to a socket on which we never wait: `cat` does, in a process of its own. Whether a write waits is
 * said of all who share a socket, and a program to which ours is handed on makes it wait; unlike a pipe,
 * a socket cannot be opened anew. What is too much for the reader is lost.
 */
export class Relay implements OutputStream {
  readonly #otherwise: OutputStream;
  readonly #descriptor: number;
  #copier: ChildProcess | undefined;
  #startedAt = -Infinity;
  #impossible = false;

  /** @param otherwise what is written to where there is no `cat` */
  constructor(otherwise: OutputStream, descriptor: number) {
    this.#otherwise = otherwise;
    this.#descriptor = descriptor;
    this.#start();
  }

  write(text: string | Uint8Array): boolean {
    if (!this.#impossible && this.#copier === undefined) this.#startAgain();
    if (this.#impossible) return this.#otherwise.write(text);
    const input = this.#copier?.stdin;
    if (!input?.writable || input.writableLength > mostBytes) return false;
    input.write(text);
    return true;
  }

  /** Resolves when all is written, or the reader has been waited for long enough. */
  async flush(): Promise<void> {
    const copier = this.#copier;
    if (copier === undefined) return;
    copier.ref();
    const ended = once(copier, "exit");
    copier.stdin?.end();
    if (!(await settledWithin(systemClock, endMs, ended))) copier.kill("SIGKILL");
  }

  /** What cannot be started now, as there is no memory for it, may be a second later; a log is no reason to fail. */
  #startAgain(): void {
    try {
      this.#start();
    } catch {
      // What is to be written meanwhile is lost.
    }
  }

  #start(): void {
    const now = systemClock.now();
    if (now - this.#startedAt < againMs) return;
    this.#startedAt = now;
    const copier = spawn("/bin/sh", copying, {
      stdio: ["pipe", this.#descriptor, "ignore"],
      // Not in the process group of a terminal, which gets its signals.
      detached: true,
      env: { PATH: process.env["PATH"] },
    });
    copier.on("error", () => {});
    copier.stdin?.on("error", () => {});
    if (copier.pid === undefined) {
      this.#impossible = true;
      return;
    }
    copier.once("exit", (code) => {
      this.#copier = undefined;
      this.#impossible = code === notFound;
    });
    // It keeps nobody alive.
    copier.unref();
    (copier.stdin as Socket | null)?.unref();
    this.#copier = copier;
  }
}
