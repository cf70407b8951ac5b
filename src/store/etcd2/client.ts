import { onAbort } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import { DiscoveryError } from "../../errors.ts";
import { type Patience, Turnstile } from "../../async/turnstile.ts";
import type { Logger } from "../../logger.ts";
import { CallError } from "../etcd/call-error.ts";
import { Cluster, type Mark } from "../etcd/cluster.ts";
import { type AttemptOptions, Endpoints } from "../etcd/endpoints.ts";
import type { RpcReport } from "../etcd/rpc-report.ts";
import type { ChannelTls } from "../etcd/tls.ts";
import type { UserSource } from "../etcd/user.ts";
import type { StoreStatus } from "../store.ts";
import { headerOf } from "./answer-header.ts";
import { type Authorization, Credentials } from "./credentials.ts";
import { HttpChannel, type HttpCallOptions, mostCalls, mostUrgentCalls } from "./http-channel.ts";
import { HttpError } from "./http-error.ts";
import {
  errorCodes,
  isKeysError,
  type KeysAnswer,
  KeysError,
  type KeysRequest,
} from "./keys-api.ts";
import { decodeAnswer, decodeIndexOnly, encodeRequest } from "./keys-message.ts";
import { Poll, type PollObserver, type PollRequest } from "./poll.ts";
import { ReportedHttpChannel } from "./reported-http-channel.ts";
import { callerError, endpointFailure, refusalOf, withoutIndex } from "./status.ts";
import { askForLeader, Watchdog } from "./watchdog.ts";

/** How many calls are made at once with a password, which etcd takes some 60 ms of its processor to check, each time: more would only take longer. */
const mostSignedCalls = 4;

/** How long it may take to make sure that this is still the cluster that is known. */
const verifyMs = 3_000;

export interface ClientOptions {
  readonly addresses: readonly string[];

  /** For `https` addresses. */
  readonly tls: ChannelTls | undefined;
  readonly user: UserSource | undefined;
  readonly clock: Clock;
  readonly logger: Logger;

  /** From 0 to below 1; chooses the first endpoint, and jitters. */
  readonly random?: (() => number) | undefined;

  /** Told of each request. Default: nobody. */
  readonly report?: RpcReport | undefined;

  /** Called when nothing that was known of the records holds any more. */
  readonly onReplaced: (error: Error) => void;
}

export interface ReachOptions {
  readonly signal?: AbortSignal | undefined;

  /** Fail-over included. */
  readonly timeoutMs: number;
}

export interface ClientCall extends ReachOptions {
  /** Whether the request may be sent again although the first may have been carried out. */
  readonly repeatable: boolean;

  /** Whether a GET is to be answered by all rather than by one member; every other request is. Default: false. */
  readonly linearizable?: boolean | undefined;

  /** Whether it waits in a line of its own, whatever else is to be done; at most {@link mostUrgentCalls} at once. Default: false. */
  readonly urgent?: boolean | undefined;

  /** Told when each attempt begins, by the clock: waiting in line does not count. */
  readonly onAttempt?: ((startedAt: number) => void) | undefined;
}

/** Reads an answer that grants what was asked for. */
type Decode<T> = (text: string, index: number | undefined, address: string) => T;

/** Requests to the cluster: fail-over, credentials, and an eye on whether it is still the same cluster. */
export class Client {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #endpoints: Endpoints<HttpChannel>;
  readonly #credentials: Credentials;
  readonly #cluster: Cluster;
  readonly #watchdog: Watchdog;
  readonly #turnstile: Turnstile;
  readonly #urgent: Turnstile;
  readonly #polls = new Set<Poll>();
  #verifying = false;
  #closed = false;

  constructor(options: ClientOptions) {
    const { tls, clock, report } = options;
    this.#clock = clock;
    this.#logger = options.logger;
    this.#endpoints = new Endpoints({
      ...options,
      connect: (origin) =>
        report === undefined
          ? new HttpChannel({ origin, tls, clock })
          : new ReportedHttpChannel({ origin, tls, clock }, report),
      failure: endpointFailure,
    });
    const isSigned = options.user !== undefined;
    this.#turnstile = new Turnstile(isSigned ? mostSignedCalls : mostCalls);
    this.#urgent = new Turnstile(isSigned ? mostSignedCalls : mostUrgentCalls);
    this.#credentials = new Credentials(options.user, clock);
    this.#cluster = new Cluster(options.onReplaced);
    this.#watchdog = new Watchdog(this.#endpoints, clock);
  }

  /**
   * Rejects with a `KeysError` where etcd says something of the keys (100, 101, 102, 104, 105, …), with
   * a `DiscoveryError`, or with the signal's reason.
   *
   * @param what the request, for messages, such as `read "/services/demo"`
   */
  call(what: string, request: KeysRequest, call: ClientCall): Promise<KeysAnswer> {
    return this.#inTurn(what, request, call, decodeAnswer);
  }

  /**
   * As {@link call}, for a PUT of which only the index is wanted that it got: etcd need not tell what
   * is there now, and was before.
   */
  put(what: string, request: KeysRequest, call: ClientCall): Promise<number> {
    const { method, key, parameters } = request;
    const brief = { method, key, parameters, brief: true };
    return this.#inTurn(what, brief, call, decodeIndexOnly);
  }

  #inTurn<T>(what: string, request: KeysRequest, call: ClientCall, decode: Decode<T>): Promise<T> {
    const deadline = this.#clock.now() + call.timeoutMs;
    // Who waits in line has not begun: no endpoint is to be blamed for it.
    const turnstile = call.urgent === true ? this.#urgent : this.#turnstile;
    const work = (): Promise<T> => this.#call(what, request, call, decode, deadline);
    return turnstile.pass(call.signal, work, this.#patience(what, call));
  }

  async #call<T>(
    what: string,
    request: KeysRequest,
    call: ClientCall,
    decode: Decode<T>,
    deadline: number,
  ): Promise<T> {
    const left = (): ReachOptions => ({ ...call, timeoutMs: deadline - this.#clock.now() });
    const { signal, repeatable, linearizable = false } = call;
    const byAll = request.method !== "GET" || linearizable;
    const sent =
      request.method === "GET" && linearizable
        ? { ...request, parameters: { ...request.parameters, quorum: "true" } }
        : request;
    for (let again = false; ; again = true) {
      const authorization =
        this.#credentials.current ??
        (await this.#inTime(what, left(), (signal) => this.#credentials.ready(signal)));
      const mark = byAll ? this.#cluster.mark : undefined;
      try {
        const { timeoutMs } = left();
        if (timeoutMs <= 0) throw this.#lateError(what, call.timeoutMs);
        const options = { signal, timeoutMs, repeatable, onAttempt: call.onAttempt };
        return await this.#failOver(what, options, (channel, deadlineMs) =>
          this.#ask(channel, sent, { signal, deadlineMs, repeatable }, authorization, mark, decode),
        );
      } catch (error) {
        if (!isKeysError(error, errorCodes.unauthorized)) throw error;
        const next = await this.#inTime(what, left(), (signal) =>
          this.#credentials.refused(authorization, signal),
        );
        if (next === undefined || again) throw this.#credentials.error(authorization, what, error);
      }
    }
  }

  /** Resolves when an endpoint serves the v2 API; it needs no rights. */
  async reach(options: ReachOptions): Promise<void> {
    const { signal } = options;
    const deadline = this.#clock.now() + options.timeoutMs;
    const ask = (): Promise<unknown> => {
      const call = { signal, timeoutMs: deadline - this.#clock.now(), repeatable: true };
      return this.#failOver("be reached", call, (channel, deadlineMs) =>
        askForLeader(channel, { signal, deadlineMs }),
      );
    };
    await this.#turnstile.pass(signal, ask, this.#patience("be reached", options));
  }

  /**
   * One poll on the endpoint in use; waits for one. It ends when that endpoint is left, by whomever.
   * Two polls of one key may be open at once.
   */
  poll(request: PollRequest, observer: PollObserver): { close(): void } {
    if (this.#closed) return { close() {} };
    const context = {
      endpoints: this.#endpoints,
      credentials: this.#credentials,
      cluster: this.#cluster,
      watchdog: this.#watchdog,
      clock: this.#clock,
      suspect: (key: string) => void this.#verify(key),
    };
    const poll = new Poll(context, request, observer, (over) => this.#polls.delete(over));
    this.#polls.add(poll);
    return poll;
  }

  get status(): StoreStatus {
    return { ...this.#endpoints.status, revision: this.revision };
  }

  /** How far etcd had come, as far as is known. */
  get revision(): number {
    return this.#cluster.mark.revision;
  }

  /** Fails whatever is under way with `CLOSED`; polls fall silent; no socket and no timer is left when it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const poll of [...this.#polls]) poll.close();
    this.#credentials.close();
    await this.#endpoints.close();
  }

  /** Makes a request on as many endpoints one after the other as time allows. */
  async #failOver<T>(
    what: string,
    options: AttemptOptions,
    attemptOn: (channel: HttpChannel, deadlineMs: number) => Promise<T>,
  ): Promise<T> {
    if (this.#closed) throw closedError();
    try {
      return await this.#endpoints.call(attemptOn, options);
    } catch (error) {
      if (this.#closed) throw closedError();
      throw error instanceof CallError ? callerError(error, what) : error;
    }
  }

  /**
   * One request to one endpoint.
   *
   * @param mark what was known of the cluster before; undefined: one member alone answers
   */
  async #ask<T>(
    channel: HttpChannel,
    request: KeysRequest,
    options: HttpCallOptions,
    authorization: Authorization,
    mark: Mark | undefined,
    decode: Decode<T>,
  ): Promise<T> {
    const answer = await channel.request(encodeRequest(request, authorization.header), options);
    const { address } = channel;
    const refusal = refusalOf(answer, address);
    const header = headerOf(answer.headers);
    if (refusal === undefined || (refusal instanceof KeysError && wasLookedUp(refusal))) {
      this.#credentials.accepted(authorization);
      if (mark !== undefined) this.#cluster.observe(header, mark);
      else if (this.#cluster.notice(header)) void this.#verify(request.key);
    }
    if (refusal !== undefined) throw refusal;
    const decoded = decode(answer.body, header?.revision, address);
    if (header === undefined && request.method === "GET") throw withoutIndex(address);
    return decoded;
  }

  /** What a member said alone lets doubt whether this is still the history that is known: asks all. */
  async #verify(key: string): Promise<void> {
    if (this.#verifying || this.#closed) return;
    this.#verifying = true;
    const call = { timeoutMs: verifyMs, repeatable: true, linearizable: true };
    try {
      await this.call(`read "${key}"`, { method: "GET", key }, call);
    } catch (error) {
      // That there is no such key is an answer, too. Any other failure leaves the doubt to the next poll.
      this.#logger.debug("asked whether the records on etcd were replaced", { error });
    } finally {
      this.#verifying = false;
    }
  }

  #patience(what: string, { timeoutMs }: ReachOptions): Patience {
    return { clock: this.#clock, timeoutMs, late: () => this.#lateError(what, timeoutMs) };
  }

  /** Does something under a signal that aborts when the call may take no longer, too. */
  async #inTime<T>(
    what: string,
    { signal, timeoutMs }: ReachOptions,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#closed) throw closedError();
    if (signal?.aborted) throw signal.reason;
    const enough = new AbortController();
    const tooLate = (): void => enough.abort(this.#lateError(what, timeoutMs));
    const cancel = overdue(this.#clock, tooLate, timeoutMs);
    const forget = signal && onAbort(signal, () => enough.abort(signal.reason));
    try {
      return await work(enough.signal);
    } finally {
      cancel();
      forget?.();
    }
  }

  /** There was no time left to ask anybody: because of what befell those who did, perhaps. */
  #lateError(what: string, timeoutMs: number): Error {
    const { failure } = this.#endpoints.status;
    const known = failure instanceof CallError ? failure : undefined;
    const message = known?.message ?? `no answer within ${Math.round(timeoutMs)} ms`;
    const options = { cause: failure, neverSent: true };
    return callerError(new HttpError(known?.blame ?? "silence", message, options), what);
  }
}

/** Whether etcd has come to the key, so that the user has the rights and the index tells how far etcd had come. */
function wasLookedUp({ errorCode, index }: KeysError): boolean {
  return index > 0 && errorCode < 200 && errorCode !== errorCodes.unauthorized;
}

function closedError(): DiscoveryError {
  return new DiscoveryError("CLOSED", "the store was closed");
}
