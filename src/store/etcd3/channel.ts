import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { EndpointChannel } from "../etcd/endpoint.ts";
import type { GrpcError } from "./grpc-error.ts";

/**
 * gRPC to one endpoint: what the driver needs of it and nothing more. The one in use is
 * `http2-channel.ts`; the tests hold it and one over `@grpc/grpc-js` to the same suite.
 *
 * Every failure is a `GrpcError`, but for an abort by the caller, which is `signal.reason`. A
 * channel connects when it is first used and again whenever it is used after its connection broke;
 * it never retries a call. Neither its socket nor its timers keep the process alive.
 */
export interface Channel extends EndpointChannel {
  /** One request, one answer. */
  unary<I, O>(method: UnaryMethod<I, O>, request: NoInfer<I>, options: UnaryOptions): Promise<O>;

  /** Opens a stream in both directions; the observer is never called before this returns. */
  duplex<I, O>(
    method: DuplexMethod<I, O>,
    options: DuplexOptions,
    observer: DuplexObserver<O>,
  ): Duplex<I>;

  /** Drops the connection: whatever is under way on it fails with `UNAVAILABLE`. The next use connects anew. */
  disconnect(reason: Error): void;

  /** Ends the channel for good: what is under way fails, later calls too. Resolves when the socket is gone. */
  close(): Promise<void>;
}

/** A method of etcd's API: its name, how a message to it is written and how one from it is read. */
export interface Method<I, O> {
  /** Such as `/etcdserverpb.KV/Range`. */
  readonly path: string;
  readonly request: Encoder<I>;
  readonly answer: Decoder<O>;
}

/** How messages of a type are written. */
export interface Encoder<T> {
  /** Adds a message to what was written. */
  readonly encode: (message: T, writer: BinaryWriter) => unknown;
}

/** How messages of a type are read. */
export interface Decoder<T> {
  /** Reads a message, to the end. Its byte fields may be views of what is read. */
  readonly decode: (reader: BinaryReader) => T;
}

/** One request, one answer. */
export interface UnaryMethod<I, O> extends Method<I, O> {
  readonly kind: "unary";
}

/** A stream of each. */
export interface DuplexMethod<I, O> extends Method<I, O> {
  readonly kind: "duplex";
}

export type Metadata = Readonly<Record<string, string>>;

export interface UnaryOptions {
  readonly signal?: AbortSignal | undefined;

  /** Covers connecting, too; then `DEADLINE_EXCEEDED`. Sent as `grpc-timeout`. */
  readonly deadlineMs: number;

  readonly metadata?: Metadata | undefined;
}

export interface DuplexOptions {
  /** How long connecting may take; then the stream ends with `UNAVAILABLE`. */
  readonly connectTimeoutMs: number;

  readonly metadata?: Metadata | undefined;
}

export interface DuplexObserver<O> {
  /** There is a connection, which had to be waited for; what was sent goes out now. */
  opened?(): void;

  message(message: O): void;

  /** The stream is over, for whatever reason but our own `cancel()`; called once, and nothing after it. An orderly end by the server that was not asked for is `UNAVAILABLE`. */
  ended(error: GrpcError): void;
}

export interface Duplex<I> {
  /** Sends a message, or keeps it until the stream can take it. Does nothing once the stream is over. */
  send(message: I): void;

  /** Ends the stream without a word to the observer. Idempotent. */
  cancel(): void;
}
