import type {
  Channel,
  Duplex,
  DuplexMethod,
  DuplexObserver,
  DuplexOptions,
  UnaryMethod,
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

  unary<I, O>(method: UnaryMethod<I, O>, request: NoInfer<I>, options: UnaryOptions): Promise<O> {
    this.calls += 1;
    return this.#channel.unary(method, request, options);
  }

  duplex<I, O>(
    method: DuplexMethod<I, O>,
    options: DuplexOptions,
    observer: DuplexObserver<O>,
  ): Duplex<I> {
    return this.#channel.duplex(method, options, observer);
  }

  disconnect(reason: Error): void {
    this.#channel.disconnect(reason);
  }

  close(): Promise<void> {
    return this.#channel.close();
  }
}
