import { Server, ServerCredentials, status as GrpcStatus } from "@grpc/grpc-js";

/** What a gRPC server says of its health (grpc/grpc-proto, grpc/health/v1/health.proto). */
export type ServingStatus = "UNKNOWN" | "SERVING" | "NOT_SERVING" | "hangs";

/** A gRPC server of `@grpc/grpc-js` that has a health service, on a port of 127.0.0.1 that the system picks. */
export class GrpcHealthServer implements AsyncDisposable {
  /** By the name of the gRPC service; `""` is the server as a whole. What is not here is not known. */
  readonly statuses: Map<string, ServingStatus> = new Map([["", "SERVING"]]);

  /** The names that were asked for, in order. */
  readonly asked: string[] = [];

  readonly port: number;
  readonly #server: Server;

  /** Starts one; without a health service if that is `false`. */
  static async start(
    options: {
      readonly port?: number;
      readonly tls?: { readonly key: string; readonly cert: string };
      readonly health?: boolean;
    } = {},
  ): Promise<GrpcHealthServer> {
    const { port = 0, tls, health = true } = options;
    const credentials =
      tls === undefined
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [
            { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) },
          ]);
    const server = new Server();
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, credentials, (error, found) =>
        error === null ? resolve(found) : reject(error),
      );
    });
    return new GrpcHealthServer(server, bound, health);
  }

  constructor(server: Server, port: number, health: boolean) {
    this.#server = server;
    this.port = port;
    if (health) this.#addHealthService();
  }

  /** Ends at once, with all connections. */
  stop(): Promise<void> {
    this.#server.forceShutdown();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #addHealthService(): void {
    this.#server.addService(
      {
        check: {
          path: "/grpc.health.v1.Health/Check",
          requestStream: false,
          responseStream: false,
          requestDeserialize: (bytes: Buffer) => ({ service: bytes.subarray(2).toString() }),
          requestSerialize: () => Buffer.alloc(0),
          responseDeserialize: () => undefined,
          // Its first field, a number; nothing at all for 0.
          responseSerialize: (value: number) => Buffer.from(value === 0 ? [] : [0x08, value]),
        },
      },
      {
        check: (
          { request: { service } }: { request: { service: string } },
          answer: (error: object | null, value?: number) => void,
        ) => {
          this.asked.push(service);
          const serving = this.statuses.get(service);
          if (serving === "hangs") return;
          if (serving === undefined) answer({ code: GrpcStatus.NOT_FOUND, details: "unknown" });
          else answer(null, ["UNKNOWN", "SERVING", "NOT_SERVING"].indexOf(serving));
        },
      },
    );
  }
}
