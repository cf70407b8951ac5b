import { delay } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import { CallError } from "./call-error.ts";
import type { EndpointChannel } from "./endpoint.ts";

/** How long one member may take while there are others. */
const attemptMs = 500;

/** The pause after all have failed. */
const pauseMs = 100;

/**
 * Calls that any member can answer by itself, leader or not. They have connections of their own, since
 * those in use for other calls are dropped one after the other while no member can answer these.
 */
export class AnyMember<C extends EndpointChannel> {
  readonly #connect: () => readonly C[];
  readonly #clock: Clock;
  #channels: readonly C[] | undefined;
  #first = 0;
  #underWay = 0;

  /** @param connect makes a channel to each member, which connects when it is used */
  constructor(connect: () => readonly C[], clock: Clock) {
    this.#connect = connect;
    this.#clock = clock;
  }

  /**
   * One call, on one member after the other, and first on the one that answered last.
   *
   * @param attemptOn makes it on one of them; rejects with a `CallError`, or with what ends the call
   */
  async call<T>(
    attemptOn: (channel: C, deadlineMs: number) => Promise<T>,
    options: { readonly signal?: AbortSignal | undefined; readonly timeoutMs: number },
  ): Promise<T> {
    this.#underWay += 1;
    try {
      return await this.#call(attemptOn, options);
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) void this.close();
    }
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    const channels = this.#channels ?? [];
    this.#channels = undefined;
    await Promise.all(channels.map((channel) => channel.close()));
  }

  async #call<T>(
    attemptOn: (channel: C, deadlineMs: number) => Promise<T>,
    {
      signal,
      timeoutMs,
    }: { readonly signal?: AbortSignal | undefined; readonly timeoutMs: number },
  ): Promise<T> {
    const deadline = this.#clock.now() + timeoutMs;
    const channels = (this.#channels ??= this.#connect());
    for (;;) {
      let failure: unknown;
      const first = this.#first;
      for (let step = 0; step < channels.length; step += 1) {
        const index = (first + step) % channels.length;
        const channel = channels[index];
        const leftMs = deadline - this.#clock.now();
        if (channel === undefined || (leftMs <= 0 && failure !== undefined)) break;
        try {
          const answer = await attemptOn(channel, Math.min(Math.max(leftMs, 1), attemptMs));
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
