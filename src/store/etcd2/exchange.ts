import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as httpRequest,
} from "node:http";
import { reasonOf } from "../etcd/reason.ts";
import { HttpError } from "./http-error.ts";
import type { SocketAgent } from "./socket-agent.ts";

export interface HttpRequest {
  readonly method: "GET" | "PUT" | "DELETE";

  /** Encoded, with its query. */
  readonly path: string;

  /** A form. */
  readonly body?: string | undefined;

  /** The header of that name. */
  readonly authorization?: string | undefined;
}

/** Told of an answer as it comes; either `ended` or `failed` is the last. Nothing is told before the exchange is made. */
export interface ExchangeObserver {
  head(status: number, headers: IncomingHttpHeaders): void;
  data(chunk: Buffer): void;
  ended(): void;
  failed(error: HttpError): void;
}

export interface ExchangeOptions {
  readonly agent: SocketAgent;
  readonly origin: URL;
  readonly request: HttpRequest;

  /** Whether it may be sent again although the first may have been carried out. */
  readonly repeatable: boolean;
  readonly observer: ExchangeObserver;

  /** Called when nothing is left of it, however it ended. */
  readonly onGone: (exchange: Exchange) => void;
}

/**
 * One request on its way, and its answer. Where a kept connection had been given up by the other side,
 * a request that may be repeated is.
 */
export class Exchange {
  readonly #options: ExchangeOptions;
  #request: ClientRequest;
  #repeatable: boolean;
  #readBefore = 0;
  #over = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#repeatable = options.repeatable;
    this.#request = this.#send();
  }

  /** Whether the request has certainly not been sent so far. */
  get neverSent(): boolean {
    return !this.#options.agent.isConnected(this.#request.socket);
  }

  /** Ends it without a word to the observer. Idempotent. */
  cancel(): void {
    this.#over = true;
    this.#request.destroy();
  }

  /** Ends it for a reason. */
  fail(cause: unknown): void {
    if (this.#over) return;
    const { neverSent } = this;
    const { origin, observer } = this.#options;
    const what = neverSent ? "cannot connect to" : "lost the connection to";
    const message = `${what} ${origin.origin}: ${reasonOf(cause)}`;
    this.cancel();
    observer.failed(new HttpError("fault", message, { cause, neverSent }));
  }

  #send(): ClientRequest {
    const { agent, origin } = this.#options;
    const { method, path, body, authorization } = this.#options.request;
    const headers: OutgoingHttpHeaders = { host: origin.host, "user-agent": "etcd-discovery" };
    if (body !== undefined) headers["content-type"] = "application/x-www-form-urlencoded";
    if (authorization !== undefined) headers["authorization"] = authorization;
    const request = httpRequest({ agent, method, path, headers });
    request.once("socket", ({ bytesRead }) => {
      this.#readBefore = bytesRead;
    });
    request.on("error", (error) => {
      // One that was given up may fail once more, as when the rest of it cannot be written either.
      if (request === this.#request) this.#failed(error);
    });
    request.once("response", (answer) => this.#answered(answer));
    request.once("close", () => {
      if (request !== this.#request) return;
      this.#endedEarly("there was no answer");
      this.#options.onGone(this);
    });
    request.end(body);
    return request;
  }

  #answered(answer: IncomingMessage): void {
    if (this.#over) return;
    const { observer } = this.#options;
    observer.head(answer.statusCode ?? 0, answer.headers);
    answer.on("data", (chunk: Buffer) => {
      if (!this.#over) observer.data(chunk);
    });
    answer.on("error", (error) => this.fail(error));
    answer.once("close", () => this.#endedEarly("the answer was cut off"));
    answer.once("end", () => {
      if (this.#over || !answer.complete) return;
      this.#over = true;
      observer.ended();
    });
  }

  /** What is made of nearly every exchange for nothing, an error takes longer than the rest of it here. */
  #endedEarly(how: string): void {
    if (!this.#over) this.fail(new Error(how));
  }

  #failed(error: Error): void {
    if (this.#over || !this.#repeatable || !this.#isStale()) {
      this.fail(error);
      return;
    }
    this.#repeatable = false;
    // What was kept along with it is not likely to be better.
    this.#options.agent.dropIdle();
    const former = this.#request;
    this.#request = this.#send();
    former.destroy();
  }

  /** Whether a kept connection had been given up by the other side, it seems: the request may not even have been read. */
  #isStale(): boolean {
    const { reusedSocket, socket } = this.#request;
    return reusedSocket && socket !== null && socket.bytesRead === this.#readBefore;
  }
}
