import type { IncomingHttpHeaders } from "node:http";
import { StringDecoder } from "node:string_decoder";
import type { Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import { CallError } from "../etcd/call-error.ts";
import type { AnswerHeader, Cluster } from "../etcd/cluster.ts";
import type { Endpoint } from "../etcd/endpoint.ts";
import type { Endpoints } from "../etcd/endpoints.ts";
import { headerOf } from "./answer-header.ts";
import type { Authorization, Credentials } from "./credentials.ts";
import { type HttpChannel, mostBytes } from "./http-channel.ts";
import { HttpError } from "./http-error.ts";
import { errorCodes, isKeysError, type KeysAnswer } from "./keys-api.ts";
import { decodeAnswer, encodeRequest } from "./keys-message.ts";
import { callerError, notServed, refusalOf, withoutIndex } from "./status.ts";
import type { Watchdog } from "./watchdog.ts";

/** How long etcd may take to accept a poll. It waits for nothing, but to check a password takes it long. */
const openMs = 5_000;

/** Nobody sees it. Without one, each abort would make an exception with a stack of its own. */
const over = new Error("over");

export interface PollRequest {
  readonly key: string;
  readonly recursive: boolean;

  /** The first index that is wanted. */
  readonly from: number;

  /** Whether to go on after the first event. Default: true. */
  readonly stream?: boolean | undefined;
}

/** Told by a poll, in order; nothing is told before the poll is made, after `ended`, or after it was closed. */
export interface PollObserver {
  /** etcd has accepted it, when its index was this. */
  opened(index: number): void;
  event(answer: KeysAnswer): void;

  /**
   * It is over: in order (undefined), with a `KeysError` (401: the history is gone), or a
   * `DiscoveryError` (`UNAVAILABLE`, `TIMEOUT`, `UNAUTHENTICATED`, `PERMISSION_DENIED`, …).
   */
  ended(error: Error | undefined): void;
}

/** What a poll is made with. */
export interface PollContext {
  readonly endpoints: Endpoints<HttpChannel>;
  readonly credentials: Credentials;
  readonly cluster: Cluster;
  readonly watchdog: Watchdog;
  readonly clock: Clock;

  /** A member seems to be behind what was seen: asks all of them, by this key. */
  readonly suspect: (key: string) => void;
}

/** One poll on the endpoint in use; it waits for one. */
export class Poll {
  readonly #context: PollContext;
  readonly #request: PollRequest;
  readonly #observer: PollObserver;
  readonly #onOver: (poll: Poll) => void;
  readonly #closing = new AbortController();
  #cancel: (() => void) | undefined;

  constructor(
    context: PollContext,
    request: PollRequest,
    observer: PollObserver,
    onOver: (poll: Poll) => void,
  ) {
    this.#context = context;
    this.#request = request;
    this.#observer = observer;
    this.#onOver = onOver;
    void this.#run();
  }

  /** Ends it without a word to the observer. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closing.abort(over);
    this.#cancel?.();
    this.#onOver(this);
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #run(): Promise<void> {
    const { credentials, endpoints } = this.#context;
    const { signal } = this.#closing;
    const what = `follow "${this.#request.key}"`;
    let error: Error | undefined;
    try {
      for (let again = false; ; again = true) {
        const authorization = await credentials.ready(signal);
        const endpoint = await endpoints.acquire(signal);
        signal.throwIfAborted();
        try {
          await this.#attempt(endpoint, authorization);
          break;
        } catch (refusal) {
          if (!isKeysError(refusal, errorCodes.unauthorized)) throw refusal;
          const next = await credentials.refused(authorization, signal);
          if (next === undefined || again) throw credentials.error(authorization, what, refusal);
        }
      }
    } catch (thrown) {
      const failure = thrown instanceof Error ? thrown : new Error(String(thrown));
      error = failure instanceof CallError ? callerError(failure, what) : failure;
    }
    if (this.#closed) return;
    this.#closing.abort(over);
    this.#onOver(this);
    this.#observer.ended(error);
  }

  /** Resolves when etcd has ended it in order. */
  async #attempt(endpoint: Endpoint<HttpChannel>, authorization: Authorization): Promise<void> {
    const { endpoints, clock } = this.#context;
    const { failures } = endpoint;
    const startedAt = clock.now();
    try {
      await this.#exchange(endpoint, authorization);
    } catch (error) {
      if (!(error instanceof CallError) || this.#closed) throw error;
      if (error.blame === "request") endpoint.answered();
      else if (error.blame !== "silence" || endpoint.answeredAt < startedAt) {
        endpoints.leave(endpoint, failures, error);
      }
      throw error;
    }
  }

  #exchange(endpoint: Endpoint<HttpChannel>, authorization: Authorization): Promise<void> {
    const { channel } = endpoint;
    const { address } = channel;
    const { key, recursive, from, stream = true } = this.#request;
    const parameters = {
      wait: "true",
      ...(stream ? { stream: "true" } : {}),
      ...(recursive ? { recursive: "true" } : {}),
      waitIndex: String(from),
    };
    const request = encodeRequest({ method: "GET", key, parameters }, authorization.header);
    return new Promise((resolve, reject) => {
      const text = new StringDecoder();
      let head = { status: 0, headers: {} as IncomingHttpHeaders };
      let accepted: ((line: string) => void) | undefined;
      let unread = "";
      const unwatch = this.#context.watchdog.watch(endpoint);
      const settle = (): void => {
        cancelDeadline();
        unwatch();
      };
      const giveUp = (error: unknown): void => {
        settle();
        exchange.cancel();
        reject(error);
      };
      const exchange = channel.stream(request, {
        head: (status, headers) => {
          cancelDeadline();
          head = { status, headers };
          if (status !== 200) return;
          const isJson = headers["content-type"]?.includes("json") === true;
          const header = headerOf(headers);
          if (header === undefined) {
            giveUp(isJson ? withoutIndex(address) : notServed(address, "the answer is not JSON"));
            return;
          }
          accepted = this.#accepted(endpoint, authorization, header);
        },
        data: (chunk) => {
          unread += text.write(chunk);
          if (unread.length > mostBytes) {
            giveUp(new HttpError("request", `${address} answered more than ${mostBytes} bytes`));
            return;
          }
          if (accepted === undefined) return;
          const lines = unread.split("\n");
          unread = lines.pop() ?? "";
          try {
            for (const line of lines) accepted(line);
          } catch (error) {
            giveUp(error);
          }
        },
        ended: () => {
          settle();
          try {
            if (accepted === undefined) {
              const refusal = refusalOf({ ...head, body: unread }, address);
              throw refusal ?? notServed(address, `HTTP status ${head.status}`);
            }
            accepted(unread);
            resolve();
          } catch (error) {
            reject(error);
          }
        },
        failed: (error) => {
          settle();
          reject(error);
        },
      });
      const late = (): void => {
        const message = `${address} did not accept a poll within ${openMs} ms`;
        giveUp(new HttpError("silence", message, { neverSent: exchange.neverSent }));
      };
      const cancelDeadline = overdue(this.#context.clock, late, openMs);
      this.#cancel = () => giveUp(this.#closing.signal.reason);
    });
  }

  /** Returns what takes each line of the answer, which throws an `HttpError` if that is no event. */
  #accepted(
    endpoint: Endpoint<HttpChannel>,
    authorization: Authorization,
    header: AnswerHeader & { readonly revision: number },
  ): (line: string) => void {
    const { cluster, credentials, suspect } = this.#context;
    const { key } = this.#request;
    const { clusterId, revision: index } = header;
    endpoint.answered();
    credentials.accepted(authorization);
    if (cluster.notice(header)) suspect(key);
    // Whoever is told that the cluster is another one may close it.
    if (!this.#closed) this.#observer.opened(index);
    return (line) => {
      if (this.#closed || line.trim() === "") return;
      const answer = decodeAnswer(line, index, endpoint.address);
      endpoint.answered();
      // One of the past says nothing new.
      cluster.notice({ clusterId, revision: answer.node.modifiedIndex });
      if (!this.#closed) this.#observer.event(answer);
    };
  }
}
