import type { IncomingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import { type Dispatcher, errors } from "undici";
import { systemClock } from "../../async/clock.ts";
import type { Outcome } from "../../find/live/outcome.ts";
import type { Host } from "../../model/host.ts";
import type { Deadlines, Limited } from "./deadlines.ts";
import type { Waiting } from "./host-connections.ts";
import { Place } from "./line.ts";
import { isBreak, isClosedHere, isFailedStatus } from "./retry-rules.ts";
import type { Picked } from "./service-hosts.ts";

type Controller = Dispatcher.DispatchController;

/** Who is told what comes of an attempt. */
export interface AttemptObserver {
  /** It has a connection: from now on the host may have seen the request. */
  sent(controller: Controller): void;
  responseStarted(): void;

  /** The response begins, or one that announces it (1xx). */
  answered(attempt: Attempt, status: number, headers: IncomingHttpHeaders, message?: string): void;
  data(chunk: Buffer): void;
  ended(trailers: IncomingHttpHeaders): void;
  upgraded(status: number, headers: IncomingHttpHeaders, socket: Duplex): void;

  /** It came to nothing. `sent`: the host may have seen the request. */
  failed(error: Error, sent: boolean): void;

  /** Whether an error says nothing about the host, as it is the caller's. */
  isCallers(error: Error): boolean;
}

/** The rest of a response that nobody wants is read up to here, to keep its connection. */
const mostDiscardedBytes = 65_536;

/** And so long at most. */
const longestDiscardMs = 1_000;

/** One try of a request on one host. It tells the pool how the host did, whatever comes of the request. */
export class Attempt implements Limited, Waiting {
  readonly host: Host;
  readonly #picked: Picked;
  readonly #observer: AttemptObserver;
  readonly #deadlines: Deadlines;
  readonly #timeoutMs: number;
  due = 0;
  readonly turn: Place<Limited> = new Place<Limited>(this);

  /** Where it waits for a connection; undefined if it got one at once, as most do. */
  #waiting: Place<Waiting> | undefined;
  #controller: Controller | undefined;
  #status = 0;

  /** Nobody is told anything any more. */
  #over = false;
  #discardedBytes = 0;

  constructor(picked: Picked, observer: AttemptObserver, deadlines: Deadlines, timeoutMs: number) {
    this.host = picked.use.host;
    this.#picked = picked;
    this.#deadlines = deadlines;
    this.#timeoutMs = timeoutMs;
    this.#observer = observer;
  }

  send(options: Dispatcher.DispatchOptions): void {
    const { connections } = this.#picked;
    this.#deadlines.begin(this, this.#timeoutMs);
    connections.dispatch(options, this);
    if (this.#over || this.#controller !== undefined) return;
    this.#waiting = new Place<Waiting>(this);
    connections.waits(this.#waiting);
  }

  /** A piece of a streamed body was taken: the request gets on. */
  progressed(): void {
    if (this.#over || this.#status !== 0) return;
    this.#deadlines.begin(this, this.#timeoutMs);
  }

  /** Nobody wants it any more. */
  cancel(reason: Error): void {
    if (this.#over) return;
    this.#end("undecided");
    this.#controller?.abort(reason);
  }

  /** Its answer goes to nobody, as another host is asked. */
  discard(): void {
    this.#end("failed");
    // Of a rest that does not come the connection is not kept.
    const stop = (): void => this.#controller?.abort(new errors.RequestAbortedError());
    systemClock.setTimeout(stop, longestDiscardMs);
  }

  sentAway(error: Error, outcome: Outcome): void {
    if (this.#over) return;
    this.#end(outcome);
    this.#observer.failed(error, false);
  }

  onRequestStart(controller: Controller): void {
    if (this.#over) {
      controller.abort(new errors.RequestAbortedError());
      return;
    }
    this.#controller = controller;
    this.#waiting?.leave();
    // Whoever had to wait for a connection gets the whole time for its answer all the same.
    const leftMs = this.due - systemClock.now();
    if (leftMs < this.#timeoutMs * 0.9) this.#deadlines.begin(this, this.#timeoutMs);
    this.#observer.sent(controller);
  }

  onResponseStarted(): void {
    if (!this.#over) this.#observer.responseStarted();
  }

  onResponseStart(
    _: Controller,
    status: number,
    headers: IncomingHttpHeaders,
    message?: string,
  ): void {
    if (this.#over) return;
    if (status >= 200) {
      this.#status = status;
      this.#deadlines.end(this);
      this.#picked.connections.trust();
    }
    this.#observer.answered(this, status, headers, message);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (!this.#over) {
      this.#observer.data(chunk);
      return;
    }
    this.#discardedBytes += chunk.length;
    if (this.#discardedBytes > mostDiscardedBytes) {
      controller.abort(new errors.RequestAbortedError());
    }
  }

  onResponseEnd(_: Controller, trailers: IncomingHttpHeaders): void {
    if (this.#over) return;
    this.#end(isFailedStatus(this.#status) ? "failed" : "succeeded");
    this.#observer.ended(trailers);
  }

  onRequestUpgrade(
    _: Controller,
    status: number,
    headers: IncomingHttpHeaders,
    socket: Duplex,
  ): void {
    if (this.#over) {
      socket.destroy();
      return;
    }
    this.#deadlines.end(this);
    this.#over = true;
    // The host is in use as long as the connection is.
    socket.once("close", () => this.#picked.use.end("succeeded"));
    this.#observer.upgraded(status, headers, socket);
  }

  onResponseError(_: Controller, error: Error): void {
    if (this.#over) return;
    const { connections, use } = this.#picked;
    const sent = this.#controller !== undefined;
    if (this.#observer.isCallers(error) || isClosedHere(error)) {
      this.#end("undecided");
    } else if (!sent) {
      this.#end("unreachable");
      connections.refused(error);
    } else if (isBreak(error)) {
      this.#end(undefined);
      connections.broke(use);
    } else {
      this.#end("failed");
    }
    this.#observer.failed(error, sent);
  }

  late(): void {
    if (this.#over) return;
    const { origin } = this.#picked.connections;
    const message = `${origin} did not answer within ${this.#timeoutMs} ms`;
    const error = new errors.HeadersTimeoutError(message);
    const controller = this.#controller;
    this.#end("failed");
    controller?.abort(error);
    this.#picked.connections.hangs(error);
    this.#observer.failed(error, controller !== undefined);
  }

  /** @param outcome undefined: it is told later */
  #end(outcome: Outcome | undefined): void {
    this.#over = true;
    this.#deadlines.end(this);
    this.#waiting?.leave();
    if (outcome !== undefined) this.#picked.use.end(outcome);
  }
}
