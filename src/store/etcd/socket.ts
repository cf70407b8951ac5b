import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type ChannelTls, tlsConnectOptions } from "./tls.ts";

/** After so long in silence the system asks the other side for a sign of life, and ends a connection that has died without a word. */
const keepAliveMs = 3_000;

/**
 * Begins to connect to where `origin` points; the name is looked up, and the files of `tls` are
 * read, each time. The socket does not keep the process alive.
 *
 * @param protocol what is to be spoken over TLS, as ALPN calls it
 * @throws what reading the files or their certificates throws
 */
export function openSocket(
  origin: URL,
  tls: ChannelTls | undefined,
  protocol: "h2" | "http/1.1",
): Socket {
  // A URL has the brackets of an IPv6 address, a socket does not.
  const host = origin.hostname.replace(/^\[(.*)\]$/, "$1");
  const secure = origin.protocol === "https:";
  const port = Number(origin.port || (secure ? 443 : 80));
  const target = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs };
  const socket = secure
    ? connectTls({
        ...target,
        ALPNProtocols: [protocol],
        ...(isIP(host) === 0 ? { servername: host } : {}),
        ...(tls === undefined ? {} : tlsConnectOptions(tls)),
      })
    : connectTcp(target);
  socket.unref();
  return socket;
}
