import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to a server that can be shut, as a network can fail. */
export interface Gate extends AsyncDisposable {
  /** Where to reach the server through the gate. */
  readonly endpoint: string;

  /** Breaks all connections, and new ones as soon as they come. */
  shut(): void;

  /** Lets new connections through again. */
  open(): void;
}

/** Opens a gate on a free port of 127.0.0.1 to a server, given by its `http:` address. */
export async function openGate(to: string): Promise<Gate> {
  const { hostname: host, port } = new URL(to);
  const sockets = new Set<Socket>();
  let isOpen = true;
  const server = createServer((inside) => {
    if (!isOpen) {
      inside.destroy();
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
    for (const socket of sockets) socket.destroy();
  };
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
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
