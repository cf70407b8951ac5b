import type { ServerCredentials, ServerOptions } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import {
  type EtcdResolverOptions,
  registerEtcdResolver,
} from "../../../../src/integrations/grpc/index.ts";
import { Discovery, type HostOptions, type Registration } from "../../../../src/index.ts";
import { type MemoryStore, memoryStore } from "../../../../src/testing/index.ts";
import { type GrpcServer, startGrpcServer } from "../../../support/grpc-service.ts";

/** A server that is a host of the service. */
export interface Host extends GrpcServer {
  readonly registration: Registration;
}

/** Servers of gRPC, registered on a store in this process, and targets that name their service. */
export interface GrpcStage {
  readonly discovery: Discovery;

  /** The operator's access to the store. */
  readonly store: MemoryStore;

  /** Takes the resolver back. */
  readonly undo: () => void;

  /** Starts servers of the service `api` by these names, and registers them. */
  serve(...names: readonly string[]): Promise<Host[]>;

  /** Starts one that says more of itself. */
  serveOne(
    name: string,
    options?: Omit<HostOptions, "ports"> & {
      readonly credentials?: ServerCredentials;
      readonly serverOptions?: ServerOptions;
      readonly portName?: string;
      readonly port?: number;
    },
  ): Promise<Host>;
}

/** Ends with the test that calls it. */
export function grpcStage(options?: EtcdResolverOptions): GrpcStage {
  const store = memoryStore();
  const discovery = new Discovery({ store });
  const undo = registerEtcdResolver(discovery, options);
  const servers: GrpcServer[] = [];
  onTestFinished(async () => {
    undo();
    await discovery.close();
    for (const server of servers) await server[Symbol.asyncDispose]();
  });
  const stage: GrpcStage = {
    discovery,
    store,
    undo,
    serve: (...names) => Promise.all(names.map((name) => stage.serveOne(name))),
    async serveOne(
      name,
      { credentials, port, portName = "grpc", serverOptions: options, ...host } = {},
    ) {
      const server = await startGrpcServer(name, { credentials, port, options });
      servers.push(server);
      const registration = discovery.register("api", {
        hostname: "127.0.0.1",
        ports: { [portName]: server.port },
        ...host,
      });
      await registration.waitRegistration();
      return Object.defineProperty(server, "registration", { value: registration }) as Host;
    },
  };
  return stage;
}
