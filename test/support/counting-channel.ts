import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type {
  Channel,
  Duplex,
  DuplexObserver,
  DuplexOptions,
  UnaryOptions,
} from "../../src/store/etcd3/channel.ts";

/** Passes everything on, and counts the calls. */
export class CountingChannel implements Channel {
  readonly #channel: Channel;

  /** How many unary calls were made. */
  calls = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: UnaryOptions,
  ): Promise<MessageShape<O>> {
    this.calls += 1;
    return this.#channel.unary(method, request, options);
  }

  duplex<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    options: DuplexOptions,
    observer: DuplexObserver<MessageShape<O>>,
  ): Duplex<MessageInitShape<I>> {
    return this.#channel.duplex(method, options, observer);
  }

  disconnect(reason: Error): void {
    this.#channel.disconnect(reason);
  }

  close(): Promise<void> {
    return this.#channel.close();
  }
}
