import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * Picks TCP ports of 127.0.0.1 that nobody listens on right now. Below the range from which the
 * system gives ports to outgoing connections: a client that keeps dialling a port whose server is
 * down for a moment could otherwise be given that very port, and the server could not come back.
 * Another process may still take one first, so be ready to pick again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = randomInt(10_000, 32_768);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) ports.push(port);
    else given.delete(port);
    if (given.size >= mostGiven) given.clear();
  }
  return ports;
}

/** Not given twice by one process: a server that is down for a moment wants its port back. */
const given = new Set<number>();
const mostGiven = 10_000;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      server.close(() => resolve(true));
    });
  });
}
