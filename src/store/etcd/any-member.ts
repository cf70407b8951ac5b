import { delay } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import { CallError } from "./call-error.ts";
import type { Endpoint, EndpointChannel } from "./endpoint.ts";

/** How long one member may take while there are others. */
const attemptMs = 500;

/** The pause after all have failed. */
const pauseMs = 100;

/**
 * Calls that any member can answer by itself, leader or not. Whether an endpoint is fit for other
 * calls says nothing here: who keeps those waiting for want of a leader may answer these at once.
 */
export class AnyMember<C extends EndpointChannel> {
  readonly #members: readonly Endpoint<C>[];
  readonly #clock: Clock;
  #first = 0;

  constructor(members: readonly Endpoint<C>[], clock: Clock) {
    this.#members = members;
    this.#clock = clock;
  }

  /**
   * One call, on one member after the other, and first on the one that answered last.
   *
   * @param attemptOn makes it on one of them; rejects with a `CallError`, or with what ends the call
   */
  async call<T>(
    attemptOn: (channel: C, deadlineMs: number) => Promise<T>,
    {
      signal,
      timeoutMs,
    }: { readonly signal?: AbortSignal | undefined; readonly timeoutMs: number },
  ): Promise<T> {
    const deadline = this.#clock.now() + timeoutMs;
    for (;;) {
      let failure: unknown;
      const first = this.#first;
      for (let step = 0; step < this.#members.length; step += 1) {
        const index = (first + step) % this.#members.length;
        const member = this.#members[index];
        const leftMs = deadline - this.#clock.now();
        if (member === undefined || (leftMs <= 0 && failure !== undefined)) break;
        try {
          const answer = await attemptOn(member.channel, Math.min(Math.max(leftMs, 1), attemptMs));
          this.#first = index;
          return answer;
        } catch (error) {
          if (!(error instanceof CallError) || error.blame === "request") throw error;
          failure = error;
        }
      }
      if (this.#clock.now() + pauseMs >= deadline) throw failure;
      await delay(this.#clock, pauseMs, signal);
    }
  }
}
