import type { OutgoingHttpHeaders } from "node:http2";
import type { CancelTimer, Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import type { UnaryMethod } from "./channel.ts";
import type { Connection, Waiter } from "./connection.ts";
import { decodeMessage } from "./frames.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";
import { GrpcStream, type GrpcStreamObserver } from "./grpc-stream.ts";

/** The longest that `grpc-timeout` can say in milliseconds. */
const maximumTimeout = 99_999_999;

export interface UnaryRequest<O> {
  readonly method: UnaryMethod<never, O>;
  readonly headers: OutgoingHttpHeaders;
  readonly frame: Buffer;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Makes one request over a connection, which may still be opening. */
export function callUnary<O>(
  connection: Connection,
  clock: Clock,
  request: UnaryRequest<O>,
): Promise<O> {
  return new Promise((resolve, reject) => {
    void new UnaryCall(connection, clock, request, resolve, reject);
  });
}

class UnaryCall<O> implements GrpcStreamObserver {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #request: UnaryRequest<O>;
  readonly #resolve: (answer: O) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #deadline: number;
  readonly #cancelDeadline: CancelTimer;
  #waiter: Waiter | undefined;
  #onAbort: (() => void) | undefined;
  #stream: GrpcStream | undefined;
  #answer: Uint8Array | undefined;
  #answers = 0;
  #settled = false;

  constructor(
    connection: Connection,
    clock: Clock,
    request: UnaryRequest<O>,
    resolve: (answer: O) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#connection = connection;
    this.#clock = clock;
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#deadline = clock.now() + request.deadlineMs;
    this.#cancelDeadline = overdue(clock, () => this.#timedOut(), request.deadlineMs);
    if (request.signal !== undefined) {
      this.#onAbort = () => this.#stop(request.signal?.reason);
      request.signal.addEventListener("abort", this.#onAbort);
    }
    if (connection.open) {
      this.#send();
    } else {
      this.#waiter = (failure) => {
        this.#waiter = undefined;
        if (failure === undefined) this.#send();
        else this.ended(failure);
      };
      connection.wait(this.#waiter);
    }
  }

  message(bytes: Uint8Array): void {
    this.#answer = bytes;
    this.#answers += 1;
  }

  ended(failure: GrpcError | undefined): void {
    this.#settle();
    if (failure !== undefined) {
      this.#reject(failure);
    } else if (this.#answer === undefined || this.#answers > 1) {
      const what = `${this.#answers} messages came where one was due`;
      this.#reject(new GrpcError(GrpcStatus.INTERNAL, what));
    } else {
      try {
        this.#resolve(decodeMessage(this.#request.method, this.#answer));
      } catch (error) {
        this.#reject(error);
      }
    }
  }

  #send(): void {
    const { headers, frame } = this.#request;
    const leftMs = Math.ceil(this.#deadline - this.#clock.now());
    headers["grpc-timeout"] = `${Math.min(Math.max(leftMs, 1), maximumTimeout)}m`;
    try {
      this.#stream = new GrpcStream(this.#connection, headers, this);
      this.#stream.end(frame);
    } catch (cause) {
      this.ended(notSent(cause));
    }
  }

  #timedOut(): void {
    if (this.#settled) return;
    const { deadlineMs } = this.#request;
    const what = this.#stream === undefined ? "connection" : "answer";
    this.#stop(
      new GrpcError(
        GrpcStatus.DEADLINE_EXCEEDED,
        `${this.#connection.address}: no ${what} within ${Math.round(deadlineMs)} ms`,
        { neverSent: this.#stream === undefined },
      ),
    );
  }

  /** Ends the call from our side. */
  #stop(reason: unknown): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    this.#settle();
    this.#reject(reason);
    this.#stream?.cancel();
    if (waiter !== undefined) this.#connection.leave(waiter);
  }

  #settle(): void {
    this.#settled = true;
    this.#cancelDeadline();
    if (this.#onAbort !== undefined) {
      this.#request.signal?.removeEventListener("abort", this.#onAbort);
    }
  }
}

/** The failure of a request that Node.js refused to send. */
export function notSent(cause: unknown): GrpcError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new GrpcError(GrpcStatus.UNAVAILABLE, `the request could not be sent: ${reason}`, {
    cause,
    neverSent: true,
  });
}
