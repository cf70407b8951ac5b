import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { endOfAnswer, nameOfHttp2Code, refusalOf } from "./answer-status.ts";
import { reasonOf } from "../etcd/reason.ts";
import type { Connection } from "./connection.ts";
import { FrameReader } from "./frames.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";

/** Told what comes over a {@link GrpcStream}. Never called before the stream is made. */
export interface GrpcStreamObserver {
  message(bytes: Uint8Array): void;

  /** Called once, after the last message; undefined: the status was OK. */
  ended(failure: GrpcError | undefined): void;
}

/** One gRPC exchange on a stream of HTTP/2: messages in both directions, and the status at the end. */
export class GrpcStream {
  readonly #connection: Connection;
  readonly #stream: ClientHttp2Stream;
  readonly #observer: GrpcStreamObserver;
  readonly #frames: FrameReader;
  #trailers: IncomingHttpHeaders | undefined;
  #cause: Error | undefined;
  #over = false;

  /** @throws when the request cannot be sent */
  constructor(connection: Connection, headers: OutgoingHttpHeaders, observer: GrpcStreamObserver) {
    this.#connection = connection;
    this.#observer = observer;
    this.#frames = new FrameReader((message) => {
      if (!this.#over) observer.message(message);
    });
    const stream = connection.request(headers);
    this.#stream = stream;
    stream.on("response", (headers, flags) => this.#response(headers, flags));
    stream.on("data", (piece: Buffer) => this.#data(piece));
    stream.on("trailers", (trailers: IncomingHttpHeaders) => {
      this.#trailers = trailers;
      // "close" comes a few turns later, and the last piece of data mostly long before.
      if (stream.readableLength === 0) this.#finish();
    });
    stream.on("error", (error: Error) => {
      this.#cause = error;
    });
    stream.on("close", () => this.#finish());
  }

  /** Sends a frame, or keeps it until the peer has room for it. */
  write(frame: Buffer): void {
    if (!this.#over) this.#stream.write(frame);
  }

  /** Sends the last frame. */
  end(frame: Buffer): void {
    if (!this.#over) this.#stream.end(frame);
  }

  /** Ends the stream without a word to the observer. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#reset();
  }

  #response(headers: IncomingHttpHeaders, flags: number): void {
    if (this.#over) return;
    const refusal = refusalOf(headers);
    if (refusal !== undefined) {
      this.#end(refusal);
    } else if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) {
      this.#trailers = headers;
      this.#finish();
    }
  }

  #data(piece: Buffer): void {
    if (this.#over) return;
    try {
      this.#frames.push(piece);
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      this.#end(error);
    }
  }

  #finish(): void {
    if (!this.#over) this.#end(this.#failure());
  }

  #failure(): GrpcError | undefined {
    if (this.#trailers !== undefined) {
      const failure = endOfAnswer(this.#trailers);
      if (failure !== undefined || !this.#frames.inMessage) return failure;
      return new GrpcError(GrpcStatus.INTERNAL, "the answer ended within a message");
    }
    const { rstCode } = this.#stream;
    const cause = this.#connection.failure ?? this.#cause;
    // Node does not tell an end without trailers from a reset with NO_ERROR; nobody asked for either.
    const reason =
      this.#connection.failure === undefined
        ? `the request was ended without a status (${nameOfHttp2Code(rstCode)})`
        : `the connection was lost: ${reasonOf(cause)}`;
    return new GrpcError(GrpcStatus.UNAVAILABLE, `${this.#connection.address}: ${reason}`, {
      cause,
      neverSent: this.#connection.neverTook(this.#stream),
    });
  }

  #end(failure: GrpcError | undefined): void {
    this.#over = true;
    this.#reset();
    this.#observer.ended(failure);
  }

  /** Tells the peer that nothing more is wanted, unless both sides are through. */
  #reset(): void {
    const stream = this.#stream;
    if (stream.closed) return;
    if (this.#trailers !== undefined && stream.writableFinished) return;
    stream.close(constants.NGHTTP2_CANCEL);
  }
}
