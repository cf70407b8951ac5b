import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from "node:http2";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { CancelTimer, Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import { reasonOf } from "../etcd/reason.ts";
import { openSocket } from "../etcd/socket.ts";
import type { ChannelTls } from "../etcd/tls.ts";
import { nameOfHttp2Code } from "./answer-status.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";
import { Heartbeat } from "./heartbeat.ts";

const mebibyte = 2 ** 20;

/** How much a peer may send ahead of us: on one stream, and on all of them. */
const streamWindow = 4 * mebibyte;
const connectionWindow = 8 * mebibyte;

export interface ConnectionSettings {
  readonly origin: URL;
  readonly tls: ChannelTls | undefined;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;

  /** The peer complained of too many pings. */
  readonly calmed: () => void;
}

/** Told when requests can be made, or why they never can. */
export type Waiter = (failure: GrpcError | undefined) => void;

/** One HTTP/2 connection, from its socket's first packet to its last. It does not come back. */
export class Connection {
  readonly #settings: ConnectionSettings;
  readonly #socket: Socket;
  readonly #session: ClientHttp2Session;
  readonly #heartbeat: Heartbeat;
  readonly #waiters: Set<Waiter> = new Set();
  readonly #streams: Set<ClientHttp2Stream> = new Set();
  readonly #leavers: Set<() => void> = new Set();
  #cancelConnectTimer: CancelTimer | undefined;
  #state: "connecting" | "open" | "retired" = "connecting";
  #failure: Error | undefined;
  #lastStreamId: number | undefined;

  /** Resolves when the socket is gone. */
  readonly gone: Promise<void>;

  /** @throws what is wrong with the certificates */
  constructor(settings: ConnectionSettings) {
    const { origin, tls, clock } = settings;
    this.#settings = settings;
    this.#socket = openSocket(origin, tls, "h2");
    this.#session = connect(origin, {
      createConnection: () => this.#socket,
      settings: { enablePush: false, initialWindowSize: streamWindow },
      // In MB; above it new streams are refused. Our own limit on messages bounds it better.
      maxSessionMemory: 1024,
    });
    const { pingIntervalMs, pingTimeoutMs } = settings;
    this.#heartbeat = new Heartbeat(
      {
        busy: () => this.#streams.size > 0,
        bytesRead: () => this.#socket.bytesRead,
        ping: (answered) => {
          this.#session.ping((error) => {
            if (error === null) answered();
          });
        },
        dead: () => this.destroy(new Error(`no answer to a ping within ${pingTimeoutMs} ms`)),
      },
      { clock, intervalMs: pingIntervalMs, timeoutMs: pingTimeoutMs },
    );
    const { connectTimeoutMs } = settings;
    const timedOut = () => this.#timedOut(`no answer within ${connectTimeoutMs} ms`);
    this.#cancelConnectTimer = overdue(clock, timedOut, connectTimeoutMs);
    this.gone = new Promise((resolve) => this.#socket.once("close", () => resolve()));
    this.#listen();
  }

  /** Where it leads to, for messages. */
  get address(): string {
    return addressOf(this.#settings.origin);
  }

  /** Whether requests can be made now. */
  get open(): boolean {
    return this.#state === "open" && !this.#session.closed && !this.#session.destroyed;
  }

  /** Whether requests can be made now, or perhaps soon. */
  get usable(): boolean {
    return this.#state !== "retired" && !this.#session.closed && !this.#session.destroyed;
  }

  /** Why it broke, if it did. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Calls `waiter` once when it is settled whether the connection opens; to be asked only while it connects. */
  wait(waiter: Waiter): void {
    this.#waiters.add(waiter);
  }

  /** Waits no more. An attempt to connect that nobody waits for any more is given up. */
  leave(waiter: Waiter): void {
    if (this.#waiters.delete(waiter) && this.#waiters.size === 0) {
      this.destroy(new Error("nobody waited for it any longer"));
    }
  }

  /**
   * Begins a request.
   *
   * @throws when it cannot be sent
   */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    const stream = this.#session.request(headers);
    this.#streams.add(stream);
    stream.once("close", () => {
      this.#streams.delete(stream);
      if (this.#state === "retired" && this.#streams.size === 0) this.destroy();
    });
    this.#heartbeat.start();
    return stream;
  }

  /** Calls back when the peer asks us to leave; returns the undo. */
  onRetired(leaver: () => void): () => void {
    this.#leavers.add(leaver);
    return () => this.#leavers.delete(leaver);
  }

  /** Whether the peer certainly did nothing about a request whose stream has ended without an answer. */
  neverTook(stream: ClientHttp2Stream): boolean {
    if (stream.id === undefined) return true;
    if (this.#lastStreamId !== undefined) return stream.id > this.#lastStreamId;
    return stream.rstCode === constants.NGHTTP2_REFUSED_STREAM && this.#failure === undefined;
  }

  /** Drops the connection, and with it every request under way. Idempotent. */
  destroy(reason?: Error): void {
    this.#failure ??= reason;
    this.#heartbeat.stop();
    this.#retire();
    // A reset sends at once and frees its stream, also while nghttp2 reads a frame of that stream,
    // in whose callbacks promises and ticks run: heap corruption. Immediates come after reading.
    setImmediate(() => {
      this.#session.destroy(reason);
      // The session waits until all is sent, which a peer that reads no more never lets happen.
      setImmediate(() => this.#socket.destroy());
    });
  }

  #listen(): void {
    const session = this.#session;
    session.once("connect", () => {
      if (session.destroyed) return;
      if (this.#socket instanceof TLSSocket && this.#socket.alpnProtocol !== "h2") {
        this.destroy(new Error("it does not speak HTTP/2"));
        return;
      }
      session.setLocalWindowSize(connectionWindow);
    });
    // "connect" comes before the peer has said a word.
    session.once("remoteSettings", () => this.#opened());
    session.on("goaway", (code: number, lastStreamId: number) => this.#goaway(code, lastStreamId));
    session.on("error", (error: Error) => this.destroy(error));
    this.#socket.on("error", (error: Error) => this.destroy(error));
    this.#socket.once("close", () => this.destroy(new Error("it was closed by the other side")));
  }

  #opened(): void {
    if (this.#state !== "connecting") return;
    this.#state = "open";
    this.#cancelConnectTimer?.();
    for (const waiter of this.#takeWaiters()) waiter(undefined);
  }

  #goaway(code: number, lastStreamId: number): void {
    this.#lastStreamId = lastStreamId;
    if (this.#state === "retired") return;
    if (code === constants.NGHTTP2_ENHANCE_YOUR_CALM) this.#settings.calmed();
    this.#failure ??= new Error(`GOAWAY (${nameOfHttp2Code(code)})`);
    this.#retire();
    // The session is in the middle of reading now: streams are better left alone till it is through.
    const leavers = [...this.#leavers];
    process.nextTick(() => {
      for (const leave of leavers) leave();
    });
    if (this.#streams.size === 0) process.nextTick(() => this.destroy());
  }

  #timedOut(reason: string): void {
    if (this.#state === "connecting") this.destroy(new Error(reason));
  }

  /** From here on nothing new is begun. */
  #retire(): void {
    if (this.#state === "retired") return;
    const wasConnecting = this.#state === "connecting";
    this.#state = "retired";
    this.#cancelConnectTimer?.();
    if (!wasConnecting) return;
    const failure = connectFailure(this.#settings.origin, this.#failure);
    for (const waiter of this.#takeWaiters()) waiter(failure);
  }

  #takeWaiters(): Waiter[] {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    return waiters;
  }
}

/** The failure of a request that was not sent because there is no connection. */
export function connectFailure(origin: URL, cause: unknown): GrpcError {
  return new GrpcError(
    GrpcStatus.UNAVAILABLE,
    `cannot connect to ${addressOf(origin)}: ${reasonOf(cause)}`,
    { cause, neverSent: true },
  );
}

function addressOf(origin: URL): string {
  return `${origin.protocol}//${origin.host}`;
}
