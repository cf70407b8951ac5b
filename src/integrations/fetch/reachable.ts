import { connect } from "node:net";
import type { Clock } from "../../async/clock.ts";

/** Whether somebody listens at an address: connects, and closes again. Does not keep the process alive. */
export function reachable(
  clock: Clock,
  address: { readonly hostname: string; readonly port: number },
  withinMs: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address.hostname, port: address.port });
    socket.unref();
    const end = (answer: boolean): void => {
      cancel();
      socket.destroy();
      resolve(answer);
    };
    const cancel = clock.setTimeout(() => end(false), withinMs);
    socket.once("connect", () => end(true));
    socket.on("error", () => end(false));
  });
}
