import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

/** What undici does in this process towards one port, by its own account. */
export interface UndiciTraffic extends Disposable {
  /** How many connections are open now. */
  readonly open: number;

  /** How many requests, or attempts of one, have failed there. */
  readonly failed: number;
}

/** Counts from now on. */
export function undiciTraffic(port: number): UndiciTraffic {
  const sockets = new Set<Socket>();
  let failed = 0;
  const connected = (message: unknown): void => {
    const { connectParams, socket } = message as {
      connectParams: { port: string };
      socket: Socket;
    };
    if (Number(connectParams.port) !== port) return;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  };
  const errored = (message: unknown): void => {
    const { request } = message as { request: { origin: string } };
    if (new URL(request.origin).port === String(port)) failed += 1;
  };
  subscribe("undici:client:connected", connected);
  subscribe("undici:request:error", errored);
  return {
    get open() {
      return sockets.size;
    },
    get failed() {
      return failed;
    },
    [Symbol.dispose]() {
      unsubscribe("undici:client:connected", connected);
      unsubscribe("undici:request:error", errored);
    },
  };
}
