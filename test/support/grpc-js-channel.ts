import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import * as grpc from "@grpc/grpc-js";
import type {
  Channel,
  Decoder,
  Duplex,
  DuplexMethod,
  DuplexObserver,
  DuplexOptions,
  Encoder,
  Metadata,
  UnaryMethod,
  UnaryOptions,
} from "../../src/store/etcd3/channel.ts";
import { maximumMessageLength } from "../../src/store/etcd3/frames.ts";
import { GrpcError, GrpcStatus } from "../../src/store/etcd3/grpc-error.ts";

/**
 * The seam's other side: `@grpc/grpc-js`, which says what gRPC is where the channel of our own and
 * it agree. It cannot know whether a request was sent, so `neverSent` is always false.
 */
export class GrpcJsChannel implements Channel {
  readonly #address: string;
  readonly #calls: Set<(error: GrpcError) => void> = new Set();
  #client: grpc.Client | undefined;
  #closed = false;

  constructor(options: { readonly origin: string }) {
    this.#address = new URL(options.origin).host;
  }

  unary<I, O>(method: UnaryMethod<I, O>, request: NoInfer<I>, options: UnaryOptions): Promise<O> {
    const { signal, deadlineMs, metadata } = options;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const end = (finish: () => void) => {
        this.#calls.delete(drop);
        signal?.removeEventListener("abort", onAbort);
        finish();
      };
      const call = this.#connected().makeUnaryRequest(
        method.path,
        serializer(method.request),
        deserializer(method.answer),
        request,
        grpcMetadata(metadata),
        { deadline: Date.now() + deadlineMs },
        (error, answer) => {
          end(() =>
            answer === undefined || error !== null ? reject(grpcError(error)) : resolve(answer),
          );
        },
      );
      const drop = (error: GrpcError) => {
        end(() => reject(error));
        call.cancel();
      };
      const onAbort = () => {
        end(() => reject(signal?.reason));
        call.cancel();
      };
      this.#calls.add(drop);
      signal?.addEventListener("abort", onAbort);
    });
  }

  duplex<I, O>(
    method: DuplexMethod<I, O>,
    options: DuplexOptions,
    observer: DuplexObserver<O>,
  ): Duplex<I> {
    let over = false;
    let call: grpc.ClientDuplexStream<I, O> | undefined;
    const unsent: I[] = [];
    const finish = () => {
      over = true;
      this.#calls.delete(end);
      call?.cancel();
    };
    const end = (error: GrpcError) => {
      if (over) return;
      finish();
      observer.ended(error);
    };
    const open = (failure?: Error) => {
      if (over) return;
      if (failure !== undefined) {
        end(new GrpcError(GrpcStatus.UNAVAILABLE, failure.message, { cause: failure }));
        return;
      }
      call = this.#connected().makeBidiStreamRequest(
        method.path,
        serializer(method.request),
        deserializer(method.answer),
        grpcMetadata(options.metadata),
      );
      call.on("data", (message: O) => {
        if (!over) observer.message(message);
      });
      call.on("error", (error: grpc.ServiceError) => end(grpcError(error)));
      call.on("end", () => {
        // An error, if there is one, is told after the end.
        setImmediate(() => end(new GrpcError(GrpcStatus.UNAVAILABLE, "ended by the server")));
      });
      for (const message of unsent) call.write(message);
    };
    this.#calls.add(end);
    if (this.#closed) process.nextTick(open, new Error("the channel is closed"));
    else this.#connected().waitForReady(Date.now() + options.connectTimeoutMs, open);
    return {
      send(message) {
        if (over) return;
        if (call === undefined) unsent.push(message);
        else call.write(message);
      },
      cancel() {
        if (!over) finish();
      },
    };
  }

  disconnect(reason: Error): void {
    this.#client?.close();
    this.#client = undefined;
    const error = new GrpcError(GrpcStatus.UNAVAILABLE, reason.message, { cause: reason });
    for (const end of this.#calls) end(error);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.disconnect(new Error("the channel was closed"));
    return Promise.resolve();
  }

  #connected(): grpc.Client {
    if (this.#closed) throw new GrpcError(GrpcStatus.UNAVAILABLE, "the channel is closed");
    this.#client ??= new grpc.Client(this.#address, grpc.credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": maximumMessageLength,
      "grpc.enable_http_proxy": 0,
      "grpc.enable_retries": 0,
      "grpc.service_config_disable_resolution": 1,
    });
    return this.#client;
  }
}

function serializer<I>({ encode }: Encoder<I>): (message: I) => Buffer {
  return (message) => {
    const writer = new BinaryWriter();
    encode(message, writer);
    return Buffer.from(writer.finish());
  };
}

function deserializer<O>({ decode }: Decoder<O>): (bytes: Buffer) => O {
  return (bytes) => decode(new BinaryReader(bytes));
}

function grpcMetadata(metadata: Metadata | undefined): grpc.Metadata {
  const result = new grpc.Metadata();
  for (const [name, value] of Object.entries(metadata ?? {})) result.set(name, value);
  return result;
}

function grpcError(error: grpc.ServiceError | null): GrpcError {
  if (error === null) return new GrpcError(GrpcStatus.INTERNAL, "no answer");
  // What its filters throw has no code.
  const code: unknown = error.code;
  return new GrpcError(typeof code === "number" ? code : GrpcStatus.INTERNAL, error.details, {
    cause: error,
  });
}
