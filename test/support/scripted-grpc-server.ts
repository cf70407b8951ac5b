import { once } from "node:events";
import {
  createSecureServer,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";

/** What the server does with each request. */
export type Script = (call: ScriptedCall) => void | Promise<void>;

/**
 * A server that does to its clients exactly what a test tells it to, also what no gRPC server ever
 * should. Listens on a port of 127.0.0.1 that the system picks.
 */
export class ScriptedGrpcServer {
  readonly origin: string;

  /** All connections there ever were, in order. */
  readonly sessions: ServerHttp2Session[] = [];

  /** All requests there ever were, in order. */
  readonly calls: ScriptedCall[] = [];

  /** How many PINGs came, over all connections. */
  pings = 0;

  /** What a script threw; a test that wants to know looks here. */
  failure: unknown;

  readonly #server: ReturnType<typeof createServer>;

  /** Starts one. */
  static async start(script: Script, tls?: SecureServerOptions): Promise<ScriptedGrpcServer> {
    const server = tls === undefined ? createServer() : createSecureServer(tls);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new ScriptedGrpcServer(server, script, tls === undefined ? "http" : "https");
  }

  constructor(server: ReturnType<typeof createServer>, script: Script, protocol: "http" | "https") {
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    this.origin = `${protocol}://127.0.0.1:${port}`;
    server.on("session", (session) => {
      this.sessions.push(session);
      session.on("ping", () => {
        this.pings += 1;
      });
      session.on("error", () => {});
    });
    server.on("stream", (stream, headers) => {
      // Each write that waits its turn is a listener.
      stream.setMaxListeners(0);
      const call = new ScriptedCall(stream, headers);
      this.calls.push(call);
      Promise.resolve(call)
        .then(script)
        .catch((error: unknown) => {
          this.failure ??= error;
        });
    });
  }

  /** Ends every connection and stops listening. */
  async close(): Promise<void> {
    for (const session of this.sessions) session.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** One request at the server. */
export class ScriptedCall {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;

  /** The code with which the client reset the stream; undefined while it has not ended. */
  endedWith: number | undefined;

  #received: Buffer = Buffer.alloc(0);

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.stream = stream;
    this.headers = headers;
    stream.on("error", () => {});
    stream.on("close", () => {
      this.endedWith = stream.rstCode;
    });
  }

  /** Waits for the client's next message; undefined: there is none any more. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#received.length >= 5) {
        const end = 5 + this.#received.readUInt32BE(1);
        if (this.#received.length >= end) {
          const message = this.#received.subarray(5, end);
          this.#received = this.#received.subarray(end);
          return message;
        }
      }
      const piece = this.stream.read() as Buffer | null;
      if (piece !== null) this.#received = Buffer.concat([this.#received, piece]);
      else if (this.stream.readableEnded || this.stream.destroyed) return undefined;
      else
        await Promise.race(["readable", "end", "close"].map((event) => once(this.stream, event)));
    }
  }

  /** Sends the headers that begin an answer. */
  respond(headers: OutgoingHttpHeaders = {}, options: { readonly trailers?: boolean } = {}): void {
    this.stream.respond(
      { ":status": 200, "content-type": "application/grpc", ...headers },
      { waitForTrailers: options.trailers ?? true },
    );
  }

  /** Sends bytes as they are, and resolves when they were sent: each in a DATA frame of its own. */
  send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.stream.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Ends the answer with these trailers. */
  finish(trailers: OutgoingHttpHeaders = { "grpc-status": "0" }): void {
    this.stream.once("wantTrailers", () => this.stream.sendTrailers(trailers));
    this.stream.end();
  }

  /** Answers with a status and nothing else: headers that are the trailers, too. */
  refuse(headers: OutgoingHttpHeaders): void {
    this.stream.respond(
      { ":status": 200, "content-type": "application/grpc", ...headers },
      { endStream: true },
    );
  }

  /** Answers with one message. */
  async answer(message: Uint8Array): Promise<void> {
    this.respond();
    await this.send(frame(message));
    this.finish();
  }
}

/** The wire form of a message. */
export function frame(message: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
