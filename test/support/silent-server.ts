import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** A server on 127.0.0.1 that takes connections and says nothing. */
export class SilentServer implements AsyncDisposable {
  readonly origin: string;

  /** Resolves when somebody has connected. */
  readonly connected: Promise<unknown>;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];

  static async start(): Promise<SilentServer> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new SilentServer(server);
  }

  private constructor(server: Server) {
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.connected = once(server, "connection");
    server.on("connection", (socket) => {
      socket.on("error", () => {});
      this.#sockets.push(socket);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
