import type { OutgoingHttpHeaders } from "node:http2";
import type { CancelTimer, Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import type { Duplex, DuplexMethod, DuplexObserver } from "./channel.ts";
import type { Connection, Waiter } from "./connection.ts";
import { decodeMessage, encodeFrame } from "./frames.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";
import { GrpcStream } from "./grpc-stream.ts";
import { notSent } from "./unary-call.ts";

export interface DuplexRequest<I, O> {
  readonly method: DuplexMethod<I, O>;
  readonly headers: OutgoingHttpHeaders;
  readonly connectTimeoutMs: number;
}

/** A stream that is meant to last: it ends when its connection is asked to, so that its owner can move it. */
export class DuplexCall<I, O> implements Duplex<I> {
  readonly #connection: Connection;
  readonly #request: DuplexRequest<I, O>;
  readonly #observer: DuplexObserver<O>;
  #waiting: { readonly waiter: Waiter; readonly cancelTimer: CancelTimer } | undefined;
  #unsent: Buffer[] = [];
  #stream: GrpcStream | undefined;
  #forgetRetired: (() => void) | undefined;
  #over = false;

  constructor(
    connection: Connection,
    clock: Clock,
    request: DuplexRequest<I, O>,
    observer: DuplexObserver<O>,
  ) {
    this.#connection = connection;
    this.#request = request;
    this.#observer = observer;
    if (connection.open) this.#open();
    else this.#wait(clock);
  }

  send(message: I): void {
    if (this.#over) return;
    const frame = encodeFrame(this.#request.method.request, message);
    if (this.#stream === undefined) this.#unsent.push(frame);
    else this.#stream.write(frame);
  }

  cancel(): void {
    if (this.#over) return;
    this.#finish();
    this.#stream?.cancel();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.cancelTimer();
    if (waiting !== undefined) this.#connection.leave(waiting.waiter);
  }

  #wait(clock: Clock): void {
    const { connectTimeoutMs } = this.#request;
    const waiter: Waiter = (failure) => {
      this.#waiting?.cancelTimer();
      this.#waiting = undefined;
      if (failure === undefined) {
        this.#open();
        if (this.#stream !== undefined) this.#observer.opened?.();
      } else this.#endedLater(failure);
    };
    const timedOut = () => {
      if (this.#waiting?.waiter !== waiter) return;
      this.#waiting = undefined;
      this.#endedLater(
        new GrpcError(
          GrpcStatus.UNAVAILABLE,
          `${this.#connection.address}: no connection within ${Math.round(connectTimeoutMs)} ms`,
          { neverSent: true },
        ),
      );
      this.#connection.leave(waiter);
    };
    const cancelTimer = overdue(clock, timedOut, connectTimeoutMs);
    this.#waiting = { waiter, cancelTimer };
    this.#connection.wait(waiter);
  }

  #open(): void {
    const { headers, method } = this.#request;
    try {
      this.#stream = new GrpcStream(this.#connection, headers, {
        message: (bytes) => this.#observer.message(decodeMessage(method, bytes)),
        ended: (failure) => this.#ended(failure ?? endedByPeer(this.#connection.address)),
      });
    } catch (cause) {
      this.#endedLater(notSent(cause));
      return;
    }
    this.#forgetRetired = this.#connection.onRetired(() => {
      const stream = this.#stream;
      this.#ended(movedByPeer(this.#connection.address));
      stream?.cancel();
    });
    for (const frame of this.#unsent) this.#stream.write(frame);
    this.#unsent = [];
  }

  /** The observer is not called from inside `duplex()` or `disconnect()`. */
  #endedLater(failure: GrpcError): void {
    process.nextTick(() => this.#ended(failure));
  }

  #ended(failure: GrpcError): void {
    if (this.#over) return;
    this.#finish();
    this.#observer.ended(failure);
  }

  #finish(): void {
    this.#over = true;
    this.#unsent = [];
    this.#forgetRetired?.();
  }
}

function endedByPeer(address: string): GrpcError {
  return new GrpcError(GrpcStatus.UNAVAILABLE, `${address}: the stream was ended by the server`);
}

function movedByPeer(address: string): GrpcError {
  return new GrpcError(GrpcStatus.UNAVAILABLE, `${address}: the server is about to leave (GOAWAY)`);
}
