import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to a server on which connections can die without a word. */
export interface Proxy extends AsyncDisposable {
  /** Where to reach the server through the proxy. */
  readonly endpoint: string;

  /** How many connections were made so far. */
  readonly connections: number;

  /** From now on nothing passes on the connections there are, which stay open; new ones are served. */
  drop(): void;

  /** Breaks all connections, and new ones as soon as they come, until {@link open}. */
  shut(): void;
  open(): void;
}

/** Opens a proxy on a free port of 127.0.0.1 to a server, given by its `http:` address. */
export async function openProxy(to: string): Promise<Proxy> {
  const { hostname: host, port } = new URL(to);
  const sockets = new Set<Socket>();
  let isOpen = true;
  let connections = 0;
  const server = createServer((inside) => {
    connections += 1;
    if (!isOpen) {
      inside.on("error", () => {});
      inside.resetAndDestroy();
      return;
    }
    const outside = connect({ host, port: Number(port) });
    for (const [from, into] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on("error", () => into.destroy());
      from.on("close", () => {
        sockets.delete(from);
        into.destroy();
      });
      from.pipe(into);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const shut = (): void => {
    isOpen = false;
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    drop() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    shut,
    open() {
      isOpen = true;
    },
    async [Symbol.asyncDispose]() {
      shut();
      server.close();
      await once(server, "close");
    },
  };
}
