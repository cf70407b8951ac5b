import type { IncomingHttpHeaders } from "node:http";
import { onAbort } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import type { EndpointChannel } from "../etcd/endpoint.ts";
import type { ChannelTls } from "../etcd/tls.ts";
import { Exchange, type ExchangeObserver, type HttpRequest } from "./exchange.ts";
import { HttpError } from "./http-error.ts";
import { SocketAgent } from "./socket-agent.ts";

/** How many calls are made at once. */
export const mostCalls = 32;

/** How many more may be that wait for no others. */
export const mostUrgentCalls = 32;

/** The largest answer that is read. */
export const mostBytes: number = 64 * 2 ** 20;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface HttpCallOptions {
  readonly signal?: AbortSignal | undefined;

  /** Covers connecting, too. */
  readonly deadlineMs: number;

  /** Whether the request may be sent again although the first may have been carried out. */
  readonly repeatable: boolean;
}

export interface HttpChannelOptions {
  /** Where the endpoint listens. */
  readonly origin: string;

  /** For `https`. */
  readonly tls: ChannelTls | undefined;
  readonly clock: Clock;
}

/** A request on its way; see {@link Exchange}. */
export type OpenExchange = Pick<Exchange, "neverSent" | "cancel">;

/**
 * HTTP/1.1 to one endpoint. Every failure is an `HttpError`, but for an abort by the caller, which is
 * `signal.reason`. It connects when it is used, and reads the files of `tls` each time.
 */
export class HttpChannel implements EndpointChannel {
  /** Where the endpoint listens. */
  readonly address: string;
  readonly #origin: URL;
  readonly #clock: Clock;
  readonly #calls: SocketAgent;
  readonly #streams: SocketAgent;
  readonly #underWay = new Set<Exchange>();
  #closed = false;

  constructor(options: HttpChannelOptions) {
    this.#origin = new URL(options.origin);
    this.address = this.#origin.origin;
    this.#clock = options.clock;
    // One more, so that a question for a sign of life need not wait for calls that hang.
    this.#calls = new SocketAgent(this.#origin, options.tls, mostCalls + mostUrgentCalls + 1);
    this.#streams = new SocketAgent(this.#origin, options.tls, Infinity);
  }

  /** One request, and the whole answer. */
  request(request: HttpRequest, options: HttpCallOptions): Promise<HttpAnswer> {
    const { signal, deadlineMs, repeatable } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      let status = 0;
      let headers: IncomingHttpHeaders = {};
      const over = (): void => {
        cancelDeadline();
        forget?.();
      };
      const giveUp = (reason: unknown): void => {
        over();
        exchange.cancel();
        reject(reason);
      };
      const observer: ExchangeObserver = {
        head: (itsStatus, itsHeaders) => {
          status = itsStatus;
          headers = itsHeaders;
        },
        data: (chunk) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size <= mostBytes) return;
          const message = `${this.address} answered more than ${mostBytes} bytes`;
          giveUp(new HttpError("request", message, { answered: true }));
        },
        ended: () => {
          over();
          // Nearly every answer comes in one piece.
          const whole = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
          resolve({ status, headers, body: whole?.toString() ?? "" });
        },
        failed: (error) => {
          over();
          reject(error);
        },
      };
      const exchange = this.#begin(this.#calls, request, observer, repeatable);
      const late = (): void => {
        const message = `${this.address} gave no answer within ${Math.round(deadlineMs)} ms`;
        giveUp(new HttpError("silence", message, { neverSent: exchange.neverSent }));
      };
      const cancelDeadline = overdue(this.#clock, late, deadlineMs);
      const forget = signal && onAbort(signal, () => giveUp(signal.reason));
    });
  }

  /** One request that does no harm if it is sent twice, and whose answer may have no end. */
  stream(request: HttpRequest, observer: ExchangeObserver): OpenExchange {
    return this.#begin(this.#streams, request, observer, true);
  }

  disconnect(reason: Error): void {
    for (const exchange of [...this.#underWay]) exchange.fail(reason);
    void this.#drop();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const exchange of [...this.#underWay]) exchange.fail(new Error("the channel was closed"));
    await this.#drop();
    this.#calls.destroy();
    this.#streams.destroy();
  }

  async #drop(): Promise<void> {
    await Promise.all([this.#calls.drop(), this.#streams.drop()]);
  }

  /** @throws HttpError once it is closed */
  #begin(
    agent: SocketAgent,
    request: HttpRequest,
    observer: ExchangeObserver,
    repeatable: boolean,
  ): Exchange {
    if (this.#closed) throw new HttpError("fault", "the channel is closed", { neverSent: true });
    const origin = this.#origin;
    const onGone = this.#onGone;
    const exchange = new Exchange({ agent, origin, request, repeatable, observer, onGone });
    this.#underWay.add(exchange);
    return exchange;
  }

  readonly #onGone = (exchange: Exchange): void => void this.#underWay.delete(exchange);
}
