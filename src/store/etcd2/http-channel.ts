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
export const mostUrgentCalls = 16;

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
  readonly origin: URL;
  readonly #clock: Clock;
  readonly #calls: SocketAgent;
  readonly #streams: SocketAgent;
  readonly #underWay = new Set<Exchange>();
  #closed = false;

  constructor(options: HttpChannelOptions) {
    this.origin = new URL(options.origin);
    this.#clock = options.clock;
    // One more, so that a question for a sign of life need not wait for calls that hang.
    this.#calls = new SocketAgent(this.origin, options.tls, mostCalls + mostUrgentCalls + 1);
    this.#streams = new SocketAgent(this.origin, options.tls, Infinity);
  }

  /** One request, and the whole answer. */
  request(request: HttpRequest, options: HttpCallOptions): Promise<HttpAnswer> {
    const { signal, deadlineMs, repeatable } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      let head: Pick<HttpAnswer, "status" | "headers"> = { status: 0, headers: {} };
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
        head: (status, headers) => {
          head = { status, headers };
        },
        data: (chunk) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size <= mostBytes) return;
          const message = `${this.origin.origin} answered more than ${mostBytes} bytes`;
          giveUp(new HttpError("request", message, { answered: true }));
        },
        ended: () => {
          over();
          resolve({ ...head, body: Buffer.concat(chunks).toString() });
        },
        failed: (error) => {
          over();
          reject(error);
        },
      };
      const exchange = this.#begin(this.#calls, request, observer, repeatable);
      const late = (): void => {
        const message = `${this.origin.origin} gave no answer within ${Math.round(deadlineMs)} ms`;
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

  /** Where a kept connection had been given up by the other side, a request that may be repeated is. */
  #begin(
    agent: SocketAgent,
    request: HttpRequest,
    observer: ExchangeObserver,
    repeatable: boolean,
  ): OpenExchange {
    let exchange = this.#exchange(agent, request, {
      ...observer,
      failed: (error, stale) => {
        if (!stale || !repeatable) {
          observer.failed(error, stale);
          return;
        }
        // What was kept along with it is not likely to be better.
        agent.dropIdle();
        exchange = this.#exchange(agent, request, observer);
      },
    });
    return {
      get neverSent() {
        return exchange.neverSent;
      },
      cancel: () => exchange.cancel(),
    };
  }

  /** @throws HttpError once it is closed */
  #exchange(agent: SocketAgent, request: HttpRequest, observer: ExchangeObserver): Exchange {
    if (this.#closed) throw new HttpError("fault", "the channel is closed", { neverSent: true });
    const exchange: Exchange = new Exchange(agent, this.origin, request, observer, () =>
      this.#underWay.delete(exchange),
    );
    this.#underWay.add(exchange);
    return exchange;
  }
}
