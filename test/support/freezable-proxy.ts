import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Stands between a client and a server, and can keep back what comes after some moment. */
export class FreezableProxy {
  readonly origin: string;

  /** How many connections came so far. */
  connections = 0;

  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();
  readonly #held: Map<Socket, Buffer[]> = new Map();
  #frozen = false;

  /** @param target where the server listens, such as `http://127.0.0.1:2379` */
  static async start(target: string): Promise<FreezableProxy> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FreezableProxy(server, new URL(target));
  }

  constructor(server: Server, target: URL) {
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (client) => {
      this.connections += 1;
      const upstream = connect(Number(target.port), target.hostname);
      this.#join(client, upstream);
      this.#join(upstream, client);
    });
  }

  /** From now on nothing is passed on, in either direction; nobody is told. */
  freeze(): void {
    this.#frozen = true;
  }

  /** Passes on what was kept back, all at once for each socket, before it returns. */
  thaw(): void {
    this.#frozen = false;
    for (const [socket, pieces] of this.#held) socket.write(Buffer.concat(pieces));
    this.#held.clear();
  }

  /** What is kept back. */
  get held(): Buffer {
    return Buffer.concat([...this.#held.values()].flat());
  }

  /** How many sockets of clients and to the server are open. */
  get open(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on("data", (piece) => {
      if (!this.#frozen) to.write(piece);
      else this.#held.set(to, [...(this.#held.get(to) ?? []), piece]);
    });
    from.on("error", () => to.destroy());
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
