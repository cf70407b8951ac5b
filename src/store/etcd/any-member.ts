import { delay } from "../../async/abort.ts";
import type { CancelTimer, Clock } from "../../async/clock.ts";
import { CallError } from "./call-error.ts";
import { Endpoint, type EndpointChannel } from "./endpoint.ts";
import type { EndpointsOptions } from "./endpoints.ts";

/** How long one member may take at first while there are others. */
const firstAttemptMs = 500;

/** The pause after all that may be asked have given no answer that was of use, at first and at most. */
const firstPauseMs = 100;
const longestPauseMs = 800;

/** How long connections are kept that nobody uses. */
const lingerMs = 5_000;

/** What a call may cost. */
interface AnyMemberCall {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
}

export interface AnyMemberOptions<C extends EndpointChannel> {
  readonly addresses: readonly string[];
  readonly connect: (address: string) => C;
  readonly clock: Clock;

  /** Makes an error of the driver's own class. */
  readonly failure: EndpointsOptions<C>["failure"];

  /** From 0 to below 1; chooses the first member, so that clients spread, and jitters. */
  readonly random?: (() => number) | undefined;
}

/**
 * Calls that any member can answer by itself, leader or not. They have connections of their own, since
 * those in use for other calls are dropped one after the other while no member can answer these. A
 * member that fails is left alone for a jittered time by all of them.
 */
export class AnyMember<C extends EndpointChannel> {
  readonly #options: AnyMemberOptions<C>;
  readonly #clock: Clock;
  readonly #random: () => number;
  #members: readonly Endpoint<C>[] | undefined;
  #first = 0;
  #underWay = 0;
  #closed = false;
  #cancelLinger: CancelTimer = () => {};

  constructor(options: AnyMemberOptions<C>) {
    this.#options = options;
    this.#clock = options.clock;
    this.#random = options.random ?? Math.random;
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
    this.#cancelLinger();
    this.#underWay += 1;
    try {
      return await this.#call(attemptOn, options);
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0 && !this.#closed) {
        this.#cancelLinger = this.#clock.setTimeout(() => this.#disconnect(), lingerMs);
      }
    }
  }

  /** Ends all connections for good. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelLinger();
    await Promise.all((this.#members ?? []).map(({ channel }) => channel.close()));
  }

  async #call<T>(
    attemptOn: (channel: C, deadlineMs: number) => Promise<T>,
    { signal, timeoutMs }: AnyMemberCall,
  ): Promise<T> {
    const deadline = this.#clock.now() + timeoutMs;
    let failure: CallError | undefined;
    for (let round = 0; ; round += 1) {
      for (const member of this.#ready()) {
        const leftMs = deadline - this.#clock.now();
        if (leftMs <= 0) break;
        const { failures } = member;
        try {
          const answer = await attemptOn(
            member.channel,
            Math.min(leftMs, firstAttemptMs * 2 ** round),
          );
          member.answered();
          this.#first = this.#all.indexOf(member);
          return answer;
        } catch (error) {
          if (!(error instanceof CallError) || error.blame === "request") throw error;
          failure = error;
          // Whoever speaks is there, though what it says is of no use.
          if (!error.answered && member.failures === failures) member.failed(error);
        }
      }
      const now = this.#clock.now();
      const pauseMs = Math.min(firstPauseMs * 2 ** round, longestPauseMs);
      if (now + pauseMs >= deadline) {
        const late = `no member could be asked within ${timeoutMs} ms`;
        throw failure ?? this.#options.failure("silence", late, { neverSent: true });
      }
      await delay(this.#clock, pauseMs, signal);
    }
  }

  /** Those that may be asked now, the one that answered last first. */
  #ready(): Endpoint<C>[] {
    const all = this.#all;
    const inTurn = [...all.slice(this.#first), ...all.slice(0, this.#first)];
    return inTurn.filter(({ readyAt }) => readyAt <= this.#clock.now());
  }

  get #all(): readonly Endpoint<C>[] {
    if (this.#members === undefined) {
      const { addresses, connect } = this.#options;
      const options = { clock: this.#clock, random: this.#random, onNews: () => {} };
      this.#members = addresses.map((each) => new Endpoint(each, connect(each), options));
      this.#first = Math.floor(this.#random() * this.#members.length);
    }
    return this.#members;
  }

  /** Nobody needs them for now. */
  #disconnect(): void {
    const reason = new Error("not needed any more");
    for (const { channel } of this.#members ?? []) channel.disconnect(reason);
  }
}
