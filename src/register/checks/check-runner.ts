import { abortable, onAbort } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import { DiscoveryError } from "../../errors.ts";
import type { HostRecord } from "../../model/record.ts";
import { kindOf } from "../../model/refuse.ts";
import { reasonOf } from "./check-reason.ts";
import type { CheckSettings } from "./check-settings.ts";

/** Why a host is not well. */
export interface CheckFailure {
  readonly reason: string;
  readonly timedOut: boolean;
  readonly cause?: unknown;
}

/** Carries out the checks of one host, one at a time. */
export class CheckRunner {
  readonly #settings: CheckSettings;
  readonly #clock: Clock;

  /** One that was told to stop and has not. */
  #overrun: { readonly since: number } | undefined;

  constructor(settings: CheckSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Whether a check has not come to its end yet, although its time is up. */
  get busy(): boolean {
    return this.#overrun !== undefined;
  }

  /** Whether the host is well: undefined, or why not. Never rejects; what it returns when `closing` aborts says nothing. */
  async run(
    { record }: { readonly record: HostRecord },
    closing: AbortSignal,
  ): Promise<CheckFailure | undefined> {
    const { timeoutMs, run } = this.#settings;
    if (this.#overrun !== undefined) {
      // Two at once might be the first of ever more.
      const overMs = Math.round(this.#clock.now() - this.#overrun.since);
      const reason = `the one before goes on ${overMs} ms after its signal was aborted`;
      return { reason, timedOut: true };
    }
    const ending = new AbortController();
    const forget = onAbort(closing, () => ending.abort(closing.reason));
    const outcome = begin(() => run({ signal: ending.signal, record }));
    const late = new DiscoveryError("TIMEOUT", `no result within ${timeoutMs} ms`);
    const cancel = overdue(this.#clock, () => ending.abort(late), timeoutMs);
    try {
      return failureOf(await abortable(outcome, ending.signal));
    } catch (error) {
      const timedOut = ending.signal.aborted;
      if (timedOut) await this.#stopped(outcome);
      return { ...reasonOf(error, record), timedOut };
    } finally {
      cancel();
      forget();
    }
  }

  /** Gives a check that was told to stop a moment to do so; if it does not, it is not over until it ends. */
  async #stopped(outcome: Promise<unknown>): Promise<void> {
    const overrun = { since: this.#clock.now() };
    this.#overrun = overrun;
    const over = () => {
      if (this.#overrun === overrun) this.#overrun = undefined;
    };
    const ended = outcome.then(over, over);
    await Promise.race([ended, new Promise((resolve) => setImmediate(resolve))]);
  }
}

/** What is thrown at once is a rejection, too. */
async function begin(run: () => unknown): Promise<unknown> {
  return await run();
}

function failureOf(result: unknown): CheckFailure | undefined {
  if (result === true || result === undefined) return undefined;
  const reason =
    result === false
      ? "it returned false"
      : `it returned ${kindOf(result)}, where true, false or nothing was expected`;
  return { reason, timedOut: false };
}
