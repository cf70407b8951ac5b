import { delay } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import { CallError } from "./call-error.ts";
import type { EndpointChannel } from "./endpoint.ts";

/** How long one member may take at first while there are others. */
const firstAttemptMs = 500;

/** The pause after all have failed, at first and at most. */
const firstPauseMs = 100;
const longestPauseMs = 800;

/** What a call may cost. */
interface AnyMemberCall {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
}

/**
 * Calls that any member can answer by itself, leader or not. They have connections of their own, since
 * those in use for other calls are dropped one after the other while no member can answer these.
 */
export class AnyMember<C extends EndpointChannel> {
  readonly #connect: () => readonly C[];
  readonly #clock: Clock;
  readonly #random: () => number;
  #channels: readonly C[] | undefined;
  #first: number | undefined;
  #underWay = 0;
  #gone: Promise<unknown> = Promise.resolve();

  /**
   * @param connect makes a channel to each member, which connects when it is used
   * @param random chooses the first one, so that clients spread
   */
  constructor(connect: () => readonly C[], clock: Clock, random: () => number = Math.random) {
    this.#connect = connect;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * One call, on one member after the other, and first on the one that answered last.
   *
   * @param attemptOn makes it on one of them; rejects with a `CallError`, or with what ends the call
   */
  async call<T>(
    attemptOn: (channel: C, deadlineMs: number) => Promise<T>,
    options: AnyMemberCall,
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
    this.#gone = Promise.all([this.#gone, ...channels.map((channel) => channel.close())]);
    await this.#gone;
  }

  async #call<T>(
    attemptOn: (channel: C, deadlineMs: number) => Promise<T>,
    { signal, timeoutMs }: AnyMemberCall,
  ): Promise<T> {
    const deadline = this.#clock.now() + timeoutMs;
    const channels = (this.#channels ??= this.#connect());
    for (let round = 0; ; round += 1) {
      let failure: unknown;
      const first = (this.#first ??= Math.floor(this.#random() * channels.length));
      for (let step = 0; step < channels.length; step += 1) {
        const index = (first + step) % channels.length;
        const channel = channels[index];
        const leftMs = deadline - this.#clock.now();
        if (channel === undefined || (leftMs <= 0 && failure !== undefined)) break;
        try {
          const longestMs = firstAttemptMs * 2 ** round;
          const answer = await attemptOn(channel, Math.min(Math.max(leftMs, 1), longestMs));
          this.#first = index;
          return answer;
        } catch (error) {
          if (!(error instanceof CallError) || error.blame === "request") throw error;
          failure = error;
        }
      }
      const pauseMs = Math.min(firstPauseMs * 2 ** round, longestPauseMs);
      if (this.#clock.now() + pauseMs >= deadline) throw failure;
      await delay(this.#clock, pauseMs, signal);
    }
  }
}
