/** The signals by which people and supervisors end a command. */
const ending = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Ends a command gently at the first signal, and at once at the second. */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.received !== undefined) this.raise();
    this.received ??= signal;
    this.#controller.abort(new Error(`interrupted by ${signal}`));
  };

  /** The signal that came, if one did. */
  received: NodeJS.Signals | undefined;

  constructor() {
    for (const signal of ending) process.on(signal, this.#onSignal);
    // The reader has had enough, as `head` has: no fault of anybody's.
    for (const stream of [process.stdout, process.stderr]) {
      stream.on("error", (error: NodeJS.ErrnoException) => {
        if (error.code !== "EPIPE") throw error;
        this.#controller.abort(error);
      });
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Takes no more signals, which then do what they do to any process. */
  release(): void {
    for (const signal of ending) process.off(signal, this.#onSignal);
  }

  /** Ends the process by the signal that came, so that whoever waits for it sees which. */
  raise(): void {
    this.release();
    if (this.received !== undefined) process.kill(process.pid, this.received);
  }
}
