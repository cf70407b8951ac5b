import type { OutgoingHttpHeaders } from "node:http2";
import { type Clock, systemClock } from "../../async/clock.ts";
import type { ChannelTls } from "../etcd/tls.ts";
import type {
  Channel,
  Duplex,
  DuplexMethod,
  DuplexObserver,
  DuplexOptions,
  Metadata,
  UnaryMethod,
  UnaryOptions,
} from "./channel.ts";
import { connectFailure, Connection } from "./connection.ts";
import { DuplexCall } from "./duplex-call.ts";
import { encodeFrame } from "./frames.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";
import { callUnary } from "./unary-call.ts";

export interface Http2ChannelOptions {
  /** Where the endpoint listens, such as `https://etcd-1.internal:2379`; `http` is HTTP/2 in plain text. */
  readonly origin: string;

  /** For `https`; the files it names are read again at each new connection. */
  readonly tls?: ChannelTls | undefined;

  /** Default: the real time. */
  readonly clock?: Clock | undefined;

  /** How long one attempt to connect may take at most, whoever waits for it. Default: 5,000. */
  readonly connectTimeoutMs?: number | undefined;

  /**
   * How often a connection with a call or stream under way is asked for a sign of life. Default:
   * 10,000. etcd ends connections that ask more often than every 5 s; when a peer complains, the
   * interval is doubled for the rest of the channel's life.
   */
  readonly pingIntervalMs?: number | undefined;

  /** How long it may stay silent then, before the connection counts as dead. Default: 3,000. */
  readonly pingTimeoutMs?: number | undefined;
}

/** gRPC over `node:http2`: one connection at a time, in which all calls and streams share. */
export class Http2Channel implements Channel {
  readonly #origin: URL;
  readonly #tls: ChannelTls | undefined;
  readonly #clock: Clock;
  readonly #connectTimeoutMs: number;
  readonly #pingTimeoutMs: number;
  readonly #connections: Set<Connection> = new Set();
  #pingIntervalMs: number;
  #current: Connection | undefined;
  #closed = false;

  constructor(options: Http2ChannelOptions) {
    this.#origin = new URL(options.origin);
    this.#tls = options.tls;
    this.#clock = options.clock ?? systemClock;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 5_000;
    this.#pingIntervalMs = options.pingIntervalMs ?? 10_000;
    this.#pingTimeoutMs = options.pingTimeoutMs ?? 3_000;
  }

  async unary<I, O>(
    method: UnaryMethod<I, O>,
    request: NoInfer<I>,
    options: UnaryOptions,
  ): Promise<O> {
    const { signal, deadlineMs, metadata } = options;
    signal?.throwIfAborted();
    return callUnary(this.#connection(), this.#clock, {
      method,
      headers: this.#headers(method.path, metadata),
      frame: encodeFrame(method.request, request),
      deadlineMs,
      signal,
    });
  }

  duplex<I, O>(
    method: DuplexMethod<I, O>,
    options: DuplexOptions,
    observer: DuplexObserver<O>,
  ): Duplex<I> {
    const { connectTimeoutMs, metadata } = options;
    try {
      return new DuplexCall(
        this.#connection(),
        this.#clock,
        {
          method,
          headers: this.#headers(method.path, metadata),
          connectTimeoutMs,
        },
        observer,
      );
    } catch (error) {
      return stillborn(observer, error as GrpcError);
    }
  }

  disconnect(reason: Error): void {
    for (const connection of this.#connections) connection.destroy(reason);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const connections = [...this.#connections];
    this.disconnect(new Error("the channel was closed"));
    await Promise.all(connections.map((connection) => connection.gone));
  }

  /**
   * The connection for what is begun now.
   *
   * @throws GrpcError
   */
  #connection(): Connection {
    if (this.#closed) {
      throw new GrpcError(GrpcStatus.UNAVAILABLE, "the channel is closed", { neverSent: true });
    }
    if (this.#current?.usable !== true) this.#current = this.#connect();
    return this.#current;
  }

  #connect(): Connection {
    try {
      const connection = new Connection({
        origin: this.#origin,
        tls: this.#tls,
        clock: this.#clock,
        connectTimeoutMs: this.#connectTimeoutMs,
        pingIntervalMs: this.#pingIntervalMs,
        pingTimeoutMs: this.#pingTimeoutMs,
        calmed: () => {
          this.#pingIntervalMs *= 2;
        },
      });
      this.#connections.add(connection);
      void connection.gone.then(() => this.#connections.delete(connection));
      return connection;
    } catch (cause) {
      throw connectFailure(this.#origin, cause);
    }
  }

  #headers(path: string, metadata: Metadata | undefined): OutgoingHttpHeaders {
    return {
      ":method": "POST",
      ":scheme": this.#origin.protocol.slice(0, -1),
      ":authority": this.#origin.host,
      ":path": path,
      te: "trailers",
      "content-type": "application/grpc",
      "user-agent": "etcd-discovery",
      ...metadata,
    };
  }
}

/** A stream that is over before it began. */
function stillborn<I>(observer: DuplexObserver<never>, failure: GrpcError): Duplex<I> {
  let cancelled = false;
  process.nextTick(() => {
    if (!cancelled) observer.ended(failure);
  });
  return {
    send() {},
    cancel() {
      cancelled = true;
    },
  };
}
