import { type ClientRequest, type IncomingHttpHeaders, request as httpRequest } from "node:http";
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

  /** @param stale whether a kept connection had been given up by the other side, it seems: the request may not even have been read */
  failed(error: HttpError, stale: boolean): void;
}

/** One request on its way, and its answer. */
export class Exchange {
  readonly #agent: SocketAgent;
  readonly #origin: URL;
  readonly #observer: ExchangeObserver;
  readonly #request: ClientRequest;
  readonly #onGone: () => void;
  #readBefore = 0;
  #over = false;

  /** @param onGone called when nothing is left of it, however it ended */
  constructor(
    agent: SocketAgent,
    origin: URL,
    request: HttpRequest,
    observer: ExchangeObserver,
    onGone: () => void,
  ) {
    const { method, path, body, authorization } = request;
    this.#agent = agent;
    this.#origin = origin;
    this.#observer = observer;
    this.#onGone = onGone;
    this.#request = httpRequest({
      agent,
      method,
      path,
      headers: {
        host: origin.host,
        "user-agent": "etcd-discovery",
        ...(body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
        ...(authorization === undefined ? {} : { authorization }),
      },
    });
    this.#listen();
    this.#request.end(body);
  }

  /** Whether the request has certainly not been sent so far. */
  get neverSent(): boolean {
    return !this.#agent.isConnected(this.#request.socket);
  }

  /** Ends it without a word to the observer. Idempotent. */
  cancel(): void {
    this.#over = true;
    this.#request.destroy();
  }

  /** Ends it for a reason. */
  fail(cause: unknown, stale = false): void {
    if (this.#over) return;
    const { neverSent } = this;
    const what = neverSent ? "cannot connect to" : "lost the connection to";
    const message = `${what} ${this.#origin.origin}: ${reasonOf(cause)}`;
    this.cancel();
    this.#observer.failed(new HttpError("fault", message, { cause, neverSent }), stale);
  }

  #listen(): void {
    const request = this.#request;
    request.once("socket", ({ bytesRead }) => {
      this.#readBefore = bytesRead;
    });
    request.on("error", (error) => this.fail(error, this.#isStale()));
    request.once("response", (answer) => {
      if (this.#over) return;
      this.#observer.head(answer.statusCode ?? 0, answer.headers);
      answer.on("data", (chunk: Buffer) => {
        if (!this.#over) this.#observer.data(chunk);
      });
      answer.on("error", (error) => this.fail(error));
      answer.once("close", () => this.#endedEarly("the answer was cut off"));
      answer.once("end", () => {
        if (this.#over || !answer.complete) return;
        this.#over = true;
        this.#observer.ended();
      });
    });
    request.once("close", () => {
      this.#endedEarly("there was no answer");
      this.#onGone();
    });
  }

  /** What is made of nearly every exchange for nothing, an error takes longer than the rest of it here. */
  #endedEarly(how: string): void {
    if (!this.#over) this.fail(new Error(how));
  }

  #isStale(): boolean {
    const { reusedSocket, socket } = this.#request;
    return reusedSocket && socket !== null && socket.bytesRead === this.#readBefore;
  }
}
