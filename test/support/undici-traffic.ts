import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

/** What undici does in this process towards one port, by its own account. */
export interface UndiciTraffic extends Disposable {
  /** How many connections are open now, or are about to be. */
  readonly open: number;

  /** How many there ever were. */
  readonly opened: number;

  /** How many requests, or attempts of one, have failed there. */
  readonly failed: number;
}

/** Counts from now on. */
export function undiciTraffic(port: number): UndiciTraffic {
  let open = 0;
  let opened = 0;
  let failed = 0;
  type Connection = { readonly connectParams: { readonly port: string } };
  const here = ({ connectParams }: Connection) => Number(connectParams.port) === port;
  const connecting = (message: unknown): void => {
    if (!here(message as Connection)) return;
    open += 1;
    opened += 1;
  };
  const refused = (message: unknown): void => {
    if (here(message as Connection)) open -= 1;
  };
  const connected = (message: unknown): void => {
    const { socket, ...connection } = message as Connection & { readonly socket: Socket };
    if (here(connection)) socket.once("close", () => (open -= 1));
  };
  const errored = (message: unknown): void => {
    const { request } = message as { request: { origin: string } };
    if (new URL(request.origin).port === String(port)) failed += 1;
  };
  subscribe("undici:client:beforeConnect", connecting);
  subscribe("undici:client:connectError", refused);
  subscribe("undici:client:connected", connected);
  subscribe("undici:request:error", errored);
  return {
    get open() {
      return open;
    },
    get opened() {
      return opened;
    },
    get failed() {
      return failed;
    },
    [Symbol.dispose]() {
      unsubscribe("undici:client:beforeConnect", connecting);
      unsubscribe("undici:client:connectError", refused);
      unsubscribe("undici:client:connected", connected);
      unsubscribe("undici:request:error", errored);
    },
  };
}
