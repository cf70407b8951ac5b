import {
  create,
  type DescMessage,
  type DescMethodBiDiStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type {
  Channel,
  Duplex,
  DuplexObserver,
  DuplexOptions,
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

  /** Sends a message, given as what it is made from. */
  send(message: object): void;

  /** Ends it; with `UNAVAILABLE` unless told otherwise. */
  end(error?: GrpcError): void;
}

/** A channel whose server is the test: unary calls are answered by a function, streams by hand. */
export class ScriptedChannel implements Channel {
  readonly streams: ScriptedStream[] = [];

  /** Answers a call, by the method's name and its request; what it throws is the call's failure. */
  answer: (method: string, request: unknown) => object = () => {
    throw new GrpcError(GrpcStatus.UNIMPLEMENTED, "the test does not answer");
  };

  /** Streams that are to end when the connection is dropped. */
  readonly #open = new Set<(error: GrpcError) => void>();

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    _options: UnaryOptions,
  ): Promise<MessageShape<O>> {
    const answer = this.answer(method.name, request);
    return create(method.output, answer as MessageInitShape<O>);
  }

  duplex<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    _options: DuplexOptions,
    observer: DuplexObserver<MessageShape<O>>,
  ): Duplex<MessageInitShape<I>> {
    const end = (error: GrpcError): void => {
      if (this.#open.delete(end)) observer.ended(error);
    };
    this.#open.add(end);
    const stream: ScriptedStream = {
      method: method.name,
      requests: [],
      cancelled: false,
      send: (message) => {
        if (!this.#open.has(end)) return;
        observer.message(create(method.output, message as MessageInitShape<O>));
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
