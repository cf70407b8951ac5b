// @ts-check
import { fork } from "node:child_process";
import { once } from "node:events";

/** @typedef {"ours" | "peer" | "bare" | "v2-ours" | "v2-peer" | "v2-bare" | "v2-fleet"} Contender */

/** A process of its own that runs one of the programs beside this file for one contender. */
export class Child {
  #process;
  /** @type {any[]} */
  #unread = [];
  #wake = () => {};

  /**
   * @param {string} program
   * @param {Contender} contender
   * @param {readonly (string | number)[]} args
   */
  constructor(program, contender, args) {
    this.#process = fork(
      new URL(program, import.meta.url),
      [`./${contender}.js`, ...args.map(String)],
      { execArgv: ["--expose-gc"] },
    );
    this.#process.on("message", (message) => {
      this.#unread.push(message);
      this.#wake();
    });
    this.#process.on("exit", () => this.#wake());
  }

  /** @param {string} message */
  send(message) {
    this.#process.send(message);
  }

  /**
   * The next message that it sends. Rejects when it ends instead.
   *
   * @returns {Promise<any>}
   */
  async message() {
    while (this.#unread.length === 0) {
      if (this.#ended) throw new Error("the process ended before it answered");
      await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    }
    return this.#unread.shift();
  }

  /** Lets it clean up and end. */
  async leave() {
    if (this.#ended) return;
    const exit = once(this.#process, "exit");
    if (this.#process.connected) this.#process.send("leave");
    await exit;
  }

  /** Kills it with SIGKILL; resolves when it is gone. */
  async kill() {
    if (this.#ended) return;
    const exit = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exit;
  }

  get #ended() {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }
}
