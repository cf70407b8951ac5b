import { setMaxListeners } from "node:events";
import { delay, underEither } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import type { Logger } from "../../logger.ts";
import type { StoreStatus } from "../store.ts";
import type { Channel, Metadata, UnaryMethod } from "./channel.ts";
import { Endpoint } from "./endpoint.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";
import { isEndpointFault, isPassing } from "./status.ts";

/** The longest first attempt at one endpoint while others may do better. */
const longestAttemptMs = 1_000;

/** How long the first attempts at all endpoints take together at most: as long as etcd takes to choose another leader. */
const longestRoundMs = 2_000;

/** The shortest attempt from whose failure anything follows for other calls. */
const shortestAttemptMs = 100;

export interface EndpointsOptions {
  readonly addresses: readonly string[];
  readonly connect: (address: string) => Channel;
  readonly clock: Clock;
  readonly logger: Logger;

  /** From 0 to below 1; chooses the first endpoint, so that clients spread, and jitters. */
  readonly random?: (() => number) | undefined;
}

export interface AttemptOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly metadata: Metadata;

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
export class Endpoints {
  readonly #all: readonly Endpoint[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  #onUnreachable: (() => void)[] = [];
  #index: number;

  constructor(options: EndpointsOptions) {
    const { addresses, connect, clock, logger, random = Math.random } = options;
    this.#all = addresses.map((address) => new Endpoint(address, connect(address), clock, random));
    this.#clock = clock;
    this.#logger = logger;
    // Each call that waits listens to it.
    setMaxListeners(0, this.#closing.signal);
    this.#index = Math.floor(random() * this.#all.length);
  }

  /** One call, on as many endpoints one after the other as time allows. Rejects with a `GrpcError`, or with the signal's reason. */
  async unary<I, O>(
    method: UnaryMethod<I, O>,
    request: NoInfer<I>,
    options: AttemptOptions,
  ): Promise<O> {
    const { signal, timeoutMs, metadata, repeatable } = options;
    const deadline = this.#clock.now() + timeoutMs;
    let failure: GrpcError | undefined;
    for (let attempt = 0; ; attempt += 1) {
      const endpoint = this.#ready(deadline) ?? (await this.#wait(signal, deadline, failure));
      const { failures } = endpoint;
      const startedAt = this.#clock.now();
      const deadlineMs = Math.min(
        deadline - startedAt,
        this.#attemptMs(attempt, timeoutMs, repeatable),
      );
      if (deadlineMs <= 0) throw failure ?? timeout(timeoutMs);
      options.onAttempt?.(startedAt);
      try {
        const answer = await endpoint.channel.unary(method, request, {
          signal,
          deadlineMs,
          metadata,
        });
        endpoint.answered();
        return answer;
      } catch (error) {
        if (!(error instanceof GrpcError) || this.#closing.signal.aborted) throw error;
        if (!isEndpointFault(error)) {
          endpoint.answered();
          throw error;
        }
        if (isPassing(error) && repeatable) {
          endpoint.answered();
          failure = error;
          continue;
        }
        // That one call took long says nothing about an endpoint that answered others meanwhile.
        const slow = error.status === GrpcStatus.DEADLINE_EXCEEDED;
        if (!slow || (endpoint.answeredAt < startedAt && deadlineMs >= shortestAttemptMs)) {
          this.leave(endpoint, failures, error);
        }
        const why = asLeft(endpoint, error);
        if (!repeatable && !error.neverSent) throw why;
        // The last attempt may have had no time to find out anything.
        const telling = !slow || deadlineMs >= shortestAttemptMs;
        if (failure === undefined || (telling && weight(why) >= weight(failure))) failure = why;
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
  async acquire(signal: AbortSignal): Promise<Endpoint> {
    return this.#ready(Infinity) ?? this.#wait(signal, Infinity, undefined);
  }

  /**
   * Gives up an endpoint: its connection is dropped and everybody moves on.
   *
   * @param failures the endpoint's count of failures when the attempt began: news of a failure that
   * is known already changes nothing
   */
  leave(endpoint: Endpoint, failures: number, error: Error): void {
    if (endpoint.failures !== failures || this.#closing.signal.aborted) return;
    endpoint.failed(error);
    if (this.#all[this.#index] === endpoint) this.#index = (this.#index + 1) % this.#all.length;
    this.#checkReachable();
    this.#logger.debug("left an etcd endpoint", {
      endpoint: endpoint.address,
      error: error.message,
    });
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
    this.#closing.abort(new GrpcError(GrpcStatus.CANCELLED, "the client was closed"));
    await Promise.all(this.#all.map((endpoint) => endpoint.channel.close()));
  }

  #checkReachable(): void {
    if (!this.#all.every(({ failure }) => failure instanceof GrpcError && failure.neverSent))
      return;
    for (const tell of this.#onUnreachable.splice(0)) tell();
  }

  /** The endpoint in use, or the best of the others if it may be tried now. */
  #ready(deadline: number): Endpoint | undefined {
    const current = this.#all[this.#index];
    if (current?.failure === undefined) return current;
    const best = this.#best(deadline);
    if (best === undefined || best.readyAt > this.#clock.now()) return undefined;
    this.#index = this.#all.indexOf(best);
    return best;
  }

  /** The endpoint that is likely to answer first, if any may be tried in time. */
  #best(deadline: number): Endpoint | undefined {
    const now = this.#clock.now();
    let best: Endpoint | undefined;
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
    failure: GrpcError | undefined,
  ): Promise<Endpoint> {
    return underEither([signal, this.#closing.signal], async (either) => {
      for (;;) {
        const best = this.#best(deadline);
        if (best === undefined) throw failure ?? unavailable(this.#all);
        await delay(this.#clock, best.readyAt - this.#clock.now(), either);
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
}

function isSilence(failure: Error | undefined): failure is GrpcError {
  return failure instanceof GrpcError && failure.status === GrpcStatus.DEADLINE_EXCEEDED;
}

/** Where others found an endpoint silent and left it, its connection broke because of the silence. */
function asLeft({ failure }: Endpoint, error: GrpcError): GrpcError {
  if (error === failure || error.neverSent) return error;
  if (!isSilence(failure)) return error;
  return new GrpcError(failure.status, failure.message, { cause: error });
}

/** How much a failure tells of an outage: one that may have had an effect most, silence more than refusal. */
function weight({ neverSent, status }: GrpcError): number {
  return (neverSent ? 0 : 2) + (status === GrpcStatus.DEADLINE_EXCEEDED ? 1 : 0);
}

function timeout(timeoutMs: number): GrpcError {
  return new GrpcError(
    GrpcStatus.DEADLINE_EXCEEDED,
    `no answer within ${Math.round(timeoutMs)} ms`,
    {
      neverSent: true,
    },
  );
}

/** What to say to a call for which there is no time left to try anything. */
function unavailable(endpoints: readonly Endpoint[]): GrpcError {
  const failure = endpoints.find((endpoint) => endpoint.failure !== undefined)?.failure;
  const message = `no endpoint can be reached: ${failure?.message ?? "none is given"}`;
  return new GrpcError(GrpcStatus.UNAVAILABLE, message, { cause: failure, neverSent: true });
}
