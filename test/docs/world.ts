import { randomUUID } from "node:crypto";
import { createServer, type Server as HttpServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { Discovery } from "../../src/index.ts";

/** What pages take for granted beside names: that services live, which answer. */
export interface World extends AsyncDisposable {
  readonly httpPort: number;

  /**
   * A fresh prefix, and the services of the pages below it: `my-service`, `api`, `greeter`. Not those
   * that the program registers itself.
   */
  settle(program: string): Promise<Settlement>;
}

export interface Settlement extends AsyncDisposable {
  readonly prefix: string;
}

export async function openWorld(endpoint: string): Promise<World> {
  const http = createServer((request, response) => {
    request.resume().on("end", () => response.end("hello"));
  });
  const [httpPort, grpc] = await Promise.all([listening(http), startGreeter()]);
  const address = { privateHostname: "127.0.0.1", privatePorts: { http: httpPort } };
  const services = {
    "my-service": {
      ...{ ...address, hostname: "127.0.0.1", ports: { http: httpPort } },
      ...{ public: true, shard: "shard-0", user: "user", password: "secret" },
    },
    api: { ...address, shard: "shard-0", metadata: { zone: "eu-1", version: "2" } },
    greeter: { privateHostname: "127.0.0.1", ports: { grpc: grpc.port } },
  };
  return {
    httpPort,
    async settle(program) {
      const prefix = `/docs-${randomUUID()}`;
      const discovery = new Discovery({ endpoints: [endpoint], prefix });
      const own = new Set(
        Array.from(
          program.matchAll(/\bregister(?:Server)?\((?:[^"'()]|\(\))*"([^"]+)"/g),
          (it) => it[1],
        ),
      );
      for (const [name, host] of Object.entries(services)) {
        if (!own.has(name)) await discovery.register(name, host).waitRegistration();
      }
      return { prefix, [Symbol.asyncDispose]: () => discovery.close() };
    },
    async [Symbol.asyncDispose]() {
      http.close();
      http.closeAllConnections();
      grpc.server.forceShutdown();
    },
  };
}

async function listening(server: HttpServer): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** What the greeter of `examples/grpc` says, in the same words. */
async function startGreeter(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = new Server();
  const write = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const read = (bytes: Buffer): { name: string } =>
    JSON.parse(bytes.toString()) as { name: string };
  server.addService(
    {
      hello: {
        ...{ path: "/Greeter/Hello", requestStream: false, responseStream: false },
        ...{ requestSerialize: write, requestDeserialize: read },
        ...{ responseSerialize: write, responseDeserialize: read },
      },
    },
    {
      hello: (
        call: { request: { name: string } },
        answer: (error: null, value: { text: string }) => void,
      ) => answer(null, { text: `hello ${call.request.name}` }),
    },
  );
  const credentials = ServerCredentials.createInsecure();
  const port = await promisify(server.bindAsync.bind(server))("127.0.0.1:0", credentials);
  return { server, port: port ?? 0 };
}
