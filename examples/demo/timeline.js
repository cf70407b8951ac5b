// @ts-check
import { styleText } from "node:util";

/**
 * What happened, as it is seen.
 *
 * @typedef {object} Event
 * @property {string} who the actor that tells it
 * @property {string} kind
 * @property {string} text
 * @property {string} [node] the instance it is about
 */

/** @typedef {(kind: string, text: string, node?: string) => void} Tell How an actor tells what it sees. */

/** @typedef {Parameters<typeof styleText>[0]} Style */

/** @type {Readonly<Record<string, [mark: string, style: Style]>>} */
const looks = {
  registered: ["+", "green"],
  up: ["+", "green"],
  rotating: ["*", "yellow"],
  adopted: ["*", "yellow"],
  update: ["*", "yellow"],
  leaving: ["~", "magenta"],
  draining: ["~", "magenta"],
  left: ["-", "magenta"],
  down: ["-", "red"],
  killed: ["x", "red"],
  called: [">", "gray"],
  "call-failed": ["!", "red"],
  "lookup-failed": ["!", "red"],
};

/** Prints what happens with the time at which it is seen, and knows what has happened. */
export class Timeline {
  #start = performance.now();
  #scenes = 0;
  #sceneStart = 0;
  /** @type {Event[]} */
  #events = [];
  /** @type {Set<() => void>} */
  #waiters = new Set();
  #out;
  #colour;

  /** @param {NodeJS.WriteStream} out */
  constructor(out) {
    this.#out = out;
    this.#colour = out.isTTY && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
  }

  get seconds() {
    return (performance.now() - this.#start) / 1_000;
  }

  get scenes() {
    return this.#scenes;
  }

  /** @param {string} text */
  title(text) {
    this.#print(`\n${this.#style("bold", text)}`);
  }

  /** @param {string} text */
  scene(text) {
    this.#scenes += 1;
    this.#sceneStart = this.#events.length;
    this.#print(`\n${this.#style("bold", `${this.#scenes}. ${text}`)}`);
  }

  /** @param {string} text */
  note(text) {
    this.#print(this.#style("bold", `${" ".repeat(23)}= ${text}`));
  }

  /** @param {Event} event */
  tell(event) {
    const [mark, style] = looks[event.kind] ?? ["·", "reset"];
    const time = this.#style("gray", `${this.seconds.toFixed(2).padStart(7)} s`);
    const who = this.#style("cyan", event.who.padEnd(9));
    this.#print(`${time}   ${who}  ${this.#style(style, `${mark} ${event.text}`)}`);
    this.#events.push(event);
    for (const waiter of this.#waiters) waiter();
  }

  /**
   * Waits until something has happened in this scene.
   *
   * @param {string} what for the message if it does not
   * @param {(events: readonly Event[]) => boolean} happened
   * @param {AbortSignal} signal
   * @returns {Promise<void>}
   */
  async until(what, happened, signal) {
    const start = this.#sceneStart;
    const look = () => happened(this.#events.slice(start));
    if (look()) return;
    await new Promise((resolve, reject) => {
      const end = () => {
        this.#waiters.delete(waiter);
        signal.removeEventListener("abort", onAbort);
      };
      const waiter = () => {
        if (!look()) return;
        end();
        resolve(undefined);
      };
      const onAbort = () => {
        end();
        const { message } = signal.reason;
        reject(new Error(`What should have happened did not: ${what} (${message}).`));
      };
      this.#waiters.add(waiter);
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }

  /** @param {string} line */
  #print(line) {
    this.#out.write(`${line}\n`);
  }

  /**
   * @param {Style} style
   * @param {string} text
   */
  #style(style, text) {
    return this.#colour ? styleText(style, text) : text;
  }
}
