/** The signals by which people and supervisors end a command. */
const ending = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Does what keeps this process from its event loop for as long as others please, such as reading what
 * somebody types. No listener would be called meanwhile, so that signals do what they do to any process.
 */
export function heedingSignals<T>(work: () => T): T {
  const taken = ending.map((signal) => [signal, process.rawListeners(signal)] as const);
  for (const [signal] of taken) process.removeAllListeners(signal);
  try {
    return work();
  } finally {
    for (const [signal, listeners] of taken) {
      for (const listener of listeners) process.on(signal, listener as SignalListener);
    }
  }
}

/** Called with each signal that comes. */
export type SignalListener = (signal: NodeJS.Signals) => void;

/** Ends a command gently at the first signal, and at once at the second, unless the command sees to signals itself. */
export class Interruption {
  readonly #controller = new AbortController();
  #listening: { readonly signals: readonly NodeJS.Signals[]; readonly listener: SignalListener };
  #handedOver = false;

  /** The signal that came, if one did and was not handed over. */
  received: NodeJS.Signals | undefined;

  /** Why what the command says cannot be written, such as a full disk. */
  unwritten: Error | undefined;

  constructor() {
    this.#listening = this.#listen(ending, (signal) => {
      if (this.received !== undefined) this.raise(this.received);
      this.received ??= signal;
      this.#controller.abort(new Error(`interrupted by ${signal}`));
    });
    for (const stream of [process.stdout, process.stderr]) {
      stream.on("error", (error: NodeJS.ErrnoException) => {
        if (this.#handedOver) return;
        // The reader has had enough, as `head` has: no fault of anybody's.
        if (error.code !== "EPIPE") this.unwritten ??= error;
        this.#controller.abort(error);
      });
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Leaves these signals to a command that has a use of its own for them; all others do what they do to
   * any process. One that has come already is told at once. Nor is the command ended from then on because
   * what it says cannot be written, as when the disk of a log is full.
   */
  handOver(signals: readonly NodeJS.Signals[], listener: SignalListener): void {
    this.release();
    const before = this.received;
    this.received = undefined;
    this.#handedOver = true;
    this.#listening = this.#listen(signals, listener);
    if (before !== undefined) listener(before);
  }

  /** Takes no more signals, which then do what they do to any process. */
  release(): void {
    const { listener, signals } = this.#listening;
    for (const signal of signals) process.off(signal, listener);
  }

  /** Ends the process by a signal, so that whoever waits for it sees which. */
  raise(signal: NodeJS.Signals): void {
    this.release();
    process.kill(process.pid, signal);
  }

  #listen(
    signals: readonly NodeJS.Signals[],
    listener: SignalListener,
  ): { readonly signals: readonly NodeJS.Signals[]; readonly listener: SignalListener } {
    for (const signal of signals) process.on(signal, listener);
    return { signals, listener };
  }
}
