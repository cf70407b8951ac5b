import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Discovery, HostOptions, Registration } from "../../src/index.ts";
import type { KeyPair } from "./certificates.ts";

/** A request that has arrived as a whole. */
export interface ArrivedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  readonly socket: Socket;
}

export type Answer = (request: ArrivedRequest, response: ServerResponse) => void;

export interface HttpHostOptions {
  /** Default: with the server's port. */
  readonly answer?: Answer | undefined;

  /** What is registered beside the hostname and the port. */
  readonly host?: Partial<HostOptions> | undefined;

  /** Speaks TLS with it, and is registered for `https`. */
  readonly tls?: KeyPair | undefined;

  /** The port to listen on. Default: one that the system picks. */
  readonly port?: number | undefined;
}

/** A host of a service: an HTTP server in this process, and its registration. */
export interface HttpHost extends AsyncDisposable {
  readonly port: number;
  readonly registration: Registration;

  /** Those that arrived, in their order. */
  readonly requests: readonly ArrivedRequest[];

  /** How many connections are open now. */
  readonly open: number;

  /** All connections there ever were. */
  readonly sockets: readonly Socket[];
  answer: Answer;

  /** Listens no longer and resets its connections, as the system does for a process that is killed. */
  crash(): void;
}

/** Starts a server on 127.0.0.1 and registers it. */
export async function startHost(
  discovery: Discovery,
  service: string,
  { answer, host, tls, port: at = 0 }: HttpHostOptions = {},
): Promise<HttpHost> {
  const requests: ArrivedRequest[] = [];
  const sockets: Socket[] = [];
  const take = (message: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    message.on("error", () => {});
    message.on("data", (chunk: Buffer) => chunks.push(chunk));
    message.on("end", () => {
      const { method = "", url = "", headers, socket } = message;
      const request = { method, url, headers, body: Buffer.concat(chunks), socket };
      requests.push(request);
      started.answer(request, response);
    });
  };
  const server: Server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
  server.on("connection", (socket: Socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
  });
  server.listen(at, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const registration = discovery.register(service, {
    hostname: "127.0.0.1",
    ports: { [tls === undefined ? "http" : "https"]: port },
    ...host,
  });
  const started: HttpHost = {
    ...{ port, registration, requests, sockets },
    answer: answer ?? ((_, response) => response.end(String(port))),
    crash() {
      server.close();
      for (const socket of sockets) socket.resetAndDestroy();
    },
    get open() {
      return sockets.filter((socket) => !socket.destroyed).length;
    },
    async [Symbol.asyncDispose]() {
      await registration.unregister();
      started.crash();
    },
  };
  await registration.waitRegistration();
  return started;
}
