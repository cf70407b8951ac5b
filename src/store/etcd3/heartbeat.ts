import type { CancelTimer, Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";

/** What a heartbeat needs of a connection. */
export interface Beating {
  /** Whether anybody is waiting for the connection to bring something. */
  readonly busy: () => boolean;

  /** How many bytes have come so far. */
  readonly bytesRead: () => number;

  /** Asks the peer for a sign of life, and calls back when it comes. */
  readonly ping: (answered: () => void) => void;

  /** There was no sign of life in time. */
  readonly dead: () => void;
}

/**
 * Finds out that a connection is dead though nobody has closed it: a PING every interval while the
 * connection is busy, and something (the answer, or anything else) must come within the timeout.
 * An idle connection is left alone, for etcd takes pings without streams for an attack.
 */
export class Heartbeat {
  readonly #connection: Beating;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  #cancelTimer: CancelTimer | undefined;
  #stopped = false;

  constructor(
    connection: Beating,
    options: { readonly clock: Clock; readonly intervalMs: number; readonly timeoutMs: number },
  ) {
    this.#connection = connection;
    this.#clock = options.clock;
    this.#intervalMs = options.intervalMs;
    this.#timeoutMs = options.timeoutMs;
  }

  /** The connection has become busy. While it stays so, further calls do nothing. */
  start(): void {
    if (this.#stopped) return;
    this.#cancelTimer ??= this.#clock.setTimeout(() => this.#beat(), this.#intervalMs);
  }

  /** For good. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #beat(): void {
    this.#cancelTimer = undefined;
    if (!this.#connection.busy()) return;
    this.#wait();
    this.#connection.ping(() => {
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
      this.start();
    });
  }

  #wait(): void {
    const bytesRead = this.#connection.bytesRead();
    const look = (): void => {
      if (this.#connection.bytesRead() > bytesRead) this.#wait();
      else this.#connection.dead();
    };
    this.#cancelTimer = overdue(this.#clock, look, this.#timeoutMs);
  }
}
