import { settledWithin } from "../../../async/abort.ts";
import type { Clock } from "../../../async/clock.ts";
import type { ProgramEnd } from "./exit-status.ts";
import type { ProgramProcess } from "./program-process.ts";

/** What an `Ending` puts in order. */
export interface EndingSteps {
  readonly program: Pick<ProgramProcess, "ended" | "gone" | "over" | "send">;

  /** Takes the host off etcd; resolves when that is done, or has taken too long. Never rejects. */
  leave(): Promise<void>;
  skipDrain(): void;
  skipLeaving(): void;

  /** The program is about to get this signal. */
  signalling(signal: NodeJS.Signals): void;

  /** How long it has from then on, until it gets SIGKILL. */
  readonly graceMs: number;
  readonly clock: Clock;
}

/**
 * The order in which a program and its registration end: first nobody is sent to it any more, then it is told
 * to stop, and at last it is killed. It begins with the first signal, or with the program's own end; then it is
 * for what the program has left behind in its group.
 */
export class Ending {
  readonly #steps: EndingSteps;
  readonly #asked: Promise<void>;
  readonly #impatient: Promise<void>;
  #ask = (): void => {};
  #hurry = (): void => {};
  #signal: NodeJS.Signals | undefined;
  #signalled = false;

  constructor(steps: EndingSteps) {
    this.#steps = steps;
    this.#asked = new Promise((resolve) => (this.#ask = resolve));
    this.#impatient = new Promise((resolve) => (this.#hurry = resolve));
  }

  /** Told to stop by this signal; again: skips what is being waited for, be it leaving or the program's end. */
  stop(signal: NodeJS.Signals): void {
    const again = this.#signal !== undefined;
    this.#signal = signal;
    this.#ask();
    if (!this.#signalled) {
      if (again) this.#steps.skipLeaving();
    } else if (again) this.#hurry();
    else this.#steps.program.send(signal);
  }

  /** Resolves with how the program has ended, when nothing of it is left or it was killed. */
  async wait(): Promise<ProgramEnd> {
    const { clock, graceMs, program } = this.#steps;
    const ended = program.ended.then(() => this.#steps.skipDrain());
    await Promise.race([this.#asked, ended]);
    await this.#steps.leave();
    this.#signalled = true;
    if (!program.over) {
      const signal = this.#signal ?? "SIGTERM";
      this.#steps.signalling(signal);
      program.send(signal);
      await settledWithin(clock, graceMs, Promise.race([program.gone, this.#impatient]));
    }
    if (!program.over) {
      this.#steps.signalling("SIGKILL");
      program.send("SIGKILL");
    }
    return await program.ended;
  }
}
