import { Agent, type ClientRequest } from "node:http";
import type { Socket } from "node:net";
import { openSocket } from "../etcd/socket.ts";
import type { ChannelTls } from "../etcd/tls.ts";

/** How long a connection is kept that nobody uses. */
const idleMs = 30_000;

/** The connections to one endpoint. They are kept alive, and never keep the process alive. */
export class SocketAgent extends Agent {
  readonly #origin: URL;
  readonly #tls: ChannelTls | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #connected = new WeakSet<object>();

  /** @param maxSockets how many may be open at once; requests beyond that wait */
  constructor(origin: URL, tls: ChannelTls | undefined, maxSockets: number) {
    super({ keepAlive: true, maxSockets, scheduling: "lifo", timeout: idleMs });
    this.#origin = origin;
    this.#tls = tls;
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, socket: Socket) => void,
  ): Socket | undefined {
    let socket: Socket;
    try {
      socket = openSocket(this.#origin, this.#tls, "http/1.1");
    } catch (error) {
      // Thrown from here it could be nobody's: a request that waited may just have got its turn.
      (callback as ((error: unknown) => void) | undefined)?.(error);
      return undefined;
    }
    const isSecure = this.#origin.protocol === "https:";
    socket.once(isSecure ? "secureConnect" : "connect", () => this.#connected.add(socket));
    // Whoever uses it is told by its request.
    socket.on("error", () => {});
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    return socket;
  }

  override reuseSocket(socket: Socket, request: ClientRequest): void {
    super.reuseSocket(socket, request);
    socket.unref();
  }

  /** Whether anything can have been sent on it. */
  isConnected(socket: Socket | null): boolean {
    return socket !== null && this.#connected.has(socket);
  }

  /** Drops the connections that nobody uses now. */
  dropIdle(): void {
    for (const idle of Object.values(this.freeSockets)) {
      for (const socket of idle ?? []) socket.destroy();
    }
  }

  /** Drops all connections; resolves when they are gone. */
  async drop(): Promise<void> {
    const gone = [...this.#sockets].map(
      (socket) => new Promise((resolve) => void socket.once("close", resolve)),
    );
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(gone);
  }
}
