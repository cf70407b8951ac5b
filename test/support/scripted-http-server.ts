import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** One request as the server sees it, and the means to answer. */
export interface ScriptedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;

  /** How many requests came before it, on whatever connection. */
  readonly index: number;
  readonly response: ServerResponse;
  readonly socket: Socket;

  /** Answers as etcd's keys API does. */
  json(status: number, body: unknown, headers?: Readonly<Record<string, string>>): void;

  /** Resets the connection. */
  reset(): void;
}

export type HttpScript = (request: ScriptedRequest) => void;

/** An HTTP server on 127.0.0.1 that does to its clients exactly what a test tells it to. */
export class ScriptedHttpServer implements AsyncDisposable {
  readonly origin: string;
  readonly requests: ScriptedRequest[] = [];

  /** All connections there ever were. */
  readonly sockets: Socket[] = [];
  script: HttpScript;
  readonly #server: Server;

  static async start(script: HttpScript): Promise<ScriptedHttpServer> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new ScriptedHttpServer(server, script);
  }

  private constructor(server: Server, script: HttpScript) {
    this.#server = server;
    this.script = script;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (socket) => {
      this.sockets.push(socket);
      socket.on("error", () => {});
    });
    server.on("request", (message, response) => this.#take(message, response));
  }

  /** How many connections are open now. */
  get open(): number {
    return this.sockets.filter((socket) => !socket.destroyed).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #take(message: IncomingMessage, response: ServerResponse): void {
    let body = "";
    message.on("error", () => {});
    message.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    message.on("end", () => {
      const { method = "", url = "", headers, socket } = message;
      const request: ScriptedRequest = {
        ...{ method, url, headers, body, response, socket },
        index: this.requests.length,
        json(status, answer, more = {}) {
          const common = { "content-type": "application/json" };
          response.writeHead(status, { ...common, ...more }).end(JSON.stringify(answer));
        },
        reset: () => void socket.resetAndDestroy(),
      };
      this.requests.push(request);
      this.script(request);
    });
  }
}
