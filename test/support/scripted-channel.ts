import { BinaryReader } from "@bufbuild/protobuf/wire";
import type {
  Channel,
  Duplex,
  DuplexMethod,
  DuplexObserver,
  DuplexOptions,
  Metadata,
  Method,
  UnaryMethod,
  UnaryOptions,
} from "../../src/store/etcd3/channel.ts";
import { GrpcError, GrpcStatus } from "../../src/store/etcd3/grpc-error.ts";

/** One stream as the server sees it: what it was asked, and the means to answer. */
export interface ScriptedStream {
  readonly method: string;

  /** Every request so far, as it was given. */
  readonly requests: unknown[];

  /** Whether the client has cancelled it. */
  cancelled: boolean;

  /** Tells the client that the connection it has waited for is there. */
  open(): void;

  /** Sends a message, given as what it is made from. */
  send(message: object): void;

  /** Ends it; with `UNAVAILABLE` unless told otherwise. */
  end(error?: GrpcError): void;
}

/** A channel whose server is the test: unary calls are answered by a function, streams by hand. */
export class ScriptedChannel implements Channel {
  readonly streams: ScriptedStream[] = [];

  /** Answers a call, by the method's name, its request and its metadata; what it throws is the call's failure. */
  answer: (method: string, request: unknown, metadata?: Metadata) => object = () => {
    throw new GrpcError(GrpcStatus.UNIMPLEMENTED, "the test does not answer");
  };

  /** Streams that are to end when the connection is dropped. */
  readonly #open = new Set<(error: GrpcError) => void>();

  async unary<I, O>(
    method: UnaryMethod<I, O>,
    request: NoInfer<I>,
    { metadata }: UnaryOptions,
  ): Promise<O> {
    return complete(method, this.answer(nameOf(method), request, metadata));
  }

  duplex<I, O>(
    method: DuplexMethod<I, O>,
    _options: DuplexOptions,
    observer: DuplexObserver<O>,
  ): Duplex<I> {
    const end = (error: GrpcError): void => {
      if (this.#open.delete(end)) observer.ended(error);
    };
    this.#open.add(end);
    const stream: ScriptedStream = {
      method: nameOf(method),
      requests: [],
      cancelled: false,
      open: () => {
        if (this.#open.has(end)) observer.opened?.();
      },
      send: (message) => {
        if (!this.#open.has(end)) return;
        observer.message(complete(method, message));
      },
      end: (error = new GrpcError(GrpcStatus.UNAVAILABLE, "ended by the test")) => end(error),
    };
    this.streams.push(stream);
    return {
      send: (message) => void stream.requests.push(message),
      cancel: () => {
        stream.cancelled = true;
        this.#open.delete(end);
      },
    };
  }

  disconnect(reason: Error): void {
    const error = new GrpcError(GrpcStatus.UNAVAILABLE, reason.message, { cause: reason });
    for (const end of this.#open) end(error);
  }

  async close(): Promise<void> {
    this.disconnect(new Error("closed"));
  }
}

/** The last part of a method's path, such as `Range`. */
function nameOf({ path }: Method<never, unknown>): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** An answer of which some fields are given, and the others are what they are by default. */
function complete<O>({ answer }: Method<never, O>, given: object): O {
  return { ...answer.decode(new BinaryReader(new Uint8Array(0))), ...given };
}
