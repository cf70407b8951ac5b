import { setMaxListeners } from "node:events";
import { delay, underEither } from "../../async/abort.ts";
import { Bell } from "../../async/bell.ts";
import type { Clock } from "../../async/clock.ts";
import type { Logger } from "../../logger.ts";
import type { StoreStatus } from "../store.ts";
import { CallError, type CallErrorOptions } from "./call-error.ts";
import { Endpoint, type EndpointChannel } from "./endpoint.ts";

/** The longest first attempt at one endpoint while others may do better. */
const longestAttemptMs = 1_000;

/** How long the first attempts at all endpoints take together at most: as long as etcd takes to choose another leader. */
const longestRoundMs = 2_000;

/** The shortest attempt from whose failure anything follows for other calls. */
const shortestAttemptMs = 100;

/** The longest pause before a call is repeated on an endpoint that could not serve it at that moment, and the first one. */
const longestPauseMs = 50;
const firstPauseMs = 10;

/** What the fail-over itself can find: time was up, no endpoint can be reached, all was closed. */
export type FailureKind = "silence" | "fault" | "closed";

export interface EndpointsOptions<C extends EndpointChannel> {
  readonly addresses: readonly string[];
  readonly connect: (address: string) => C;

  /** Makes an error of the driver's own class. */
  readonly failure: (kind: FailureKind, message: string, options?: CallErrorOptions) => CallError;
  readonly clock: Clock;
  readonly logger: Logger;

  /** From 0 to below 1; chooses the first endpoint, so that clients spread, and jitters. */
  readonly random?: (() => number) | undefined;
}

export interface AttemptOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;

  /** Whether the call may be sent again although the first may have been carried out. */
  readonly repeatable: boolean;

  /** Told when each attempt begins, by the clock. */
  readonly onAttempt?: ((startedAt: number) => void) | undefined;
}

/**
 * The members of the cluster as a client sees them. One is in use at a time, by calls and streams
 * alike, until it fails: then all move on to the next one that may be tried. Each endpoint that
 * failed is left alone for a jittered time, so that whatever waits for it makes one attempt in all.
 */
export class Endpoints<C extends EndpointChannel> {
  readonly #all: readonly Endpoint<C>[];
  readonly #failure: EndpointsOptions<C>["failure"];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #random: () => number;
  readonly #closing = new AbortController();

  /** Rings when another endpoint may be the best one. */
  readonly #news: Bell;
  #onUnreachable: (() => void)[] = [];
  #index: number;

  constructor(options: EndpointsOptions<C>) {
    const { addresses, connect, clock, logger, random = Math.random } = options;
    const news = new Bell(clock);
    const onNews = (): void => news.ring();
    this.#all = [...new Set(addresses)].map(
      (address) => new Endpoint(address, connect(address), { clock, random, onNews }),
    );
    this.#failure = options.failure;
    this.#clock = clock;
    this.#logger = logger;
    this.#random = random;
    this.#news = news;
    // Each call that waits listens to it.
    setMaxListeners(Infinity, this.#closing.signal);
    this.#index = Math.floor(random() * this.#all.length);
  }

  /**
   * One call, on as many endpoints one after the other as time allows.
   *
   * @param attemptOn makes it on one of them; rejects with a `CallError`, or with what ends the call
   */
  async call<T>(
    attemptOn: (channel: C, deadlineMs: number) => Promise<T>,
    options: AttemptOptions,
  ): Promise<T> {
    const { signal, timeoutMs, repeatable } = options;
    const deadline = this.#clock.now() + timeoutMs;
    let failure: CallError | undefined;
    let passes = 0;
    for (let attempt = 0; ; attempt += 1) {
      // However short the back-off, this call has found out what there is to find out.
      if (failure !== undefined && this.#all.every(isUnfit)) throw failure;
      const endpoint = this.#ready(deadline) ?? (await this.#wait(signal, deadline, failure));
      const { failures, failure: known } = endpoint;
      const startedAt = this.#clock.now();
      const deadlineMs = Math.min(
        deadline - startedAt,
        this.#attemptMs(attempt, timeoutMs, repeatable),
      );
      if (deadlineMs <= 0) {
        throw failure ?? (known === undefined ? this.#late(timeoutMs) : this.#unavailable());
      }
      options.onAttempt?.(startedAt);
      try {
        const answer = await attemptOn(endpoint.channel, deadlineMs);
        endpoint.answered();
        return answer;
      } catch (error) {
        if (!(error instanceof CallError) || this.#closing.signal.aborted) throw error;
        if (error.blame === "request") {
          endpoint.answered();
          throw error;
        }
        if (error.blame === "passing" && repeatable) {
          endpoint.answered();
          failure = error;
          await this.#pause(passes, deadline, signal);
          passes += 1;
          continue;
        }
        // That one call took long says nothing about an endpoint that answered others meanwhile.
        const slow = error.blame === "silence";
        if (!slow || (endpoint.answeredAt < startedAt && deadlineMs >= shortestAttemptMs)) {
          this.leave(endpoint, failures, error);
        }
        const why = this.#asLeft(endpoint, error);
        if (!repeatable && !error.neverSent) throw why;
        // The last attempt may have had no time to find out anything: what is known says more.
        const telling = !slow || deadlineMs >= shortestAttemptMs;
        if (!telling && why.neverSent && known !== undefined) failure ??= this.#unavailable();
        else if (failure === undefined || (telling && weight(why) >= weight(failure)))
          failure = why;
      }
    }
  }

  /** Resolves when no endpoint is left that can be connected to, as far as is known: one that broke off, or is silent, may be. */
  unreachable(): Promise<void> {
    return new Promise((resolve) => {
      this.#onUnreachable.push(resolve);
      this.#checkReachable();
    });
  }

  /** Waits for an endpoint to open a stream on. */
  async acquire(signal: AbortSignal): Promise<Endpoint<C>> {
    return this.#ready(Infinity) ?? this.#wait(signal, Infinity, undefined);
  }

  /**
   * Gives up an endpoint: its connection is dropped and everybody moves on.
   *
   * @param failures the endpoint's count of failures when the attempt began: news of a failure that
   * is known already changes nothing
   */
  leave(endpoint: Endpoint<C>, failures: number, error: Error): void {
    if (endpoint.failures !== failures || this.#closing.signal.aborted) return;
    // As long as it fails in the same way that is no news.
    const isNews = endpoint.failure?.message !== error.message;
    endpoint.failed(error);
    if (this.#all[this.#index] === endpoint) this.#index = (this.#index + 1) % this.#all.length;
    this.#checkReachable();
    if (!isNews) return;
    this.#logger.debug("an etcd endpoint cannot be used for now", {
      endpoint: endpoint.address,
      error: error.message,
    });
  }

  get count(): number {
    return this.#all.length;
  }

  get status(): Omit<StoreStatus, "revision"> {
    const current = this.#all[this.#index];
    const serves = current?.serves === true && !this.#closing.signal.aborted;
    const answeredAt = Math.max(...this.#all.map((endpoint) => endpoint.answeredAt));
    return {
      endpoint: serves ? current.address : undefined,
      failure: serves ? undefined : this.#all.find(({ failure }) => failure !== undefined)?.failure,
      answeredAt: answeredAt === -Infinity ? undefined : answeredAt,
    };
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    this.#closing.abort(this.#failure("closed", "the client was closed"));
    await Promise.all(this.#all.map((endpoint) => endpoint.channel.close()));
  }

  #checkReachable(): void {
    if (!this.#all.every(({ failure }) => failure instanceof CallError && failure.neverSent))
      return;
    for (const tell of this.#onUnreachable.splice(0)) tell();
  }

  /** The endpoint in use, or the best of the others if it may be tried now. */
  #ready(deadline: number): Endpoint<C> | undefined {
    const current = this.#all[this.#index];
    if (current?.failure === undefined) return current;
    const best = this.#best(deadline);
    if (best === undefined || best.readyAt > this.#clock.now()) return undefined;
    this.#index = this.#all.indexOf(best);
    return best;
  }

  /** The endpoint that is likely to answer first, if any may be tried in time. */
  #best(deadline: number): Endpoint<C> | undefined {
    const now = this.#clock.now();
    let best: Endpoint<C> | undefined;
    let shortest = Infinity;
    for (let step = 0; step < this.#all.length; step += 1) {
      const endpoint = this.#all[(this.#index + step) % this.#all.length];
      if (endpoint === undefined || endpoint.readyAt >= deadline) continue;
      const expectedMs = endpoint.expectedMs(now);
      if (expectedMs >= shortest) continue;
      best = endpoint;
      shortest = expectedMs;
    }
    return best;
  }

  async #wait(
    signal: AbortSignal | undefined,
    deadline: number,
    failure: CallError | undefined,
  ): Promise<Endpoint<C>> {
    return underEither([signal, this.#closing.signal], async (either) => {
      for (;;) {
        const best = this.#best(deadline);
        if (best === undefined) throw failure ?? this.#unavailable();
        // A call need not wait until somebody has seen to all of them; what has no end may.
        if (deadline < Infinity && this.#all.every(isUnfit)) {
          throw failure ?? best.failure ?? this.#unavailable();
        }
        // When another one's time to be tried comes before the best one's, that may be the best.
        const now = this.#clock.now();
        const times = this.#all.map(({ readyAt }) => readyAt).filter((readyAt) => readyAt > now);
        await this.#news.wait(Math.min(best.readyAt, ...times) - now, either);
        const endpoint = this.#ready(deadline);
        if (endpoint !== undefined) return endpoint;
      }
    });
  }

  /**
   * A first round of short attempts, so that an endpoint that hangs costs little; longer ones in
   * the rounds after it, because it may be the request that takes its time. A call that cannot be
   * repeated has no such round: it gets longer, and all the time while there is nowhere else to go.
   */
  #attemptMs(attempt: number, timeoutMs: number, repeatable: boolean): number {
    if (!repeatable && this.#all.length === 1) return timeoutMs;
    const count = this.#all.length;
    const roundMs = repeatable ? longestRoundMs / count : Infinity;
    const firstMs = Math.min(timeoutMs / 4, longestAttemptMs, roundMs);
    return Math.max(firstMs, shortestAttemptMs) * 2 ** Math.floor(attempt / count);
  }

  /** Lets a moment pass before a call is repeated on the same endpoint; all who do so should not come back at once. */
  #pause(passes: number, deadline: number, signal: AbortSignal | undefined): Promise<void> {
    const boundMs = Math.min(firstPauseMs * 2 ** passes, longestPauseMs);
    const pauseMs = Math.min((boundMs * (1 + this.#random())) / 2, deadline - this.#clock.now());
    return underEither([signal, this.#closing.signal], (either) =>
      delay(this.#clock, pauseMs, either),
    );
  }

  /** Where others found an endpoint silent and left it, its connection broke because of the silence. */
  #asLeft({ failure }: Endpoint<C>, error: CallError): CallError {
    if (error === failure || error.neverSent) return error;
    if (!(failure instanceof CallError) || failure.blame !== "silence") return error;
    return this.#failure("silence", failure.message, { cause: error });
  }

  #late(timeoutMs: number): CallError {
    const message = `no answer within ${Math.round(timeoutMs)} ms`;
    return this.#failure("silence", message, { neverSent: true });
  }

  /** What to say to a call for which there is no time left to try anything. */
  #unavailable(): CallError {
    const cause = this.#all.find((endpoint) => endpoint.failure !== undefined)?.failure;
    const message = `no endpoint can be reached: ${cause?.message ?? "none is given"}`;
    return this.#failure("fault", message, { cause, neverSent: true });
  }
}

function isUnfit({ failure }: Endpoint): boolean {
  return failure instanceof CallError && failure.blame === "unfit";
}

/** How much a failure tells of an outage: one that may have had an effect most, silence more than refusal. */
function weight({ neverSent, blame }: CallError): number {
  return (neverSent ? 0 : 2) + (blame === "silence" ? 1 : 0);
}
