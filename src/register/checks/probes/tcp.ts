import { connect } from "node:net";
import type { ProbeTarget } from "../probe-target.ts";
import { exchange } from "./exchange.ts";

/** Whether the host accepts a connection. */
export function askTcp(target: ProbeTarget, signal: AbortSignal): Promise<void> {
  const { hostname, port, address } = target;
  return exchange(signal, ({ succeed, fail }) => {
    const socket = connect({ host: hostname, port });
    socket.unref();
    socket.on("connect", succeed);
    socket.on("error", (cause) => fail(new Error(`${address} accepts no connection`, { cause })));
    return () => socket.destroy();
  });
}
