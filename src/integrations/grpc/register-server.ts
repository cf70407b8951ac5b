import type { Server, ServerCredentials } from "@grpc/grpc-js";
import { defaultDiscovery } from "../../default.ts";
import type { Discovery } from "../../discovery.ts";
import { assertServiceName } from "../../model/keys.ts";
import { kindOf, refuse } from "../../model/refuse.ts";
import { assertDiscovery } from "./register-resolver.ts";
import { RegisteredServer } from "./registered-server.ts";
import { checkServerOptions, type RegisterServerOptions } from "./server-options.ts";

/**
 * Binds a server of `@grpc/grpc-js`, and registers it as a host of the service once it serves. What
 * comes back takes it out of service without a failed call, by `leave()`.
 *
 * Throws `INVALID_ARGUMENT`, before anything is bound; rejects with gRPC's own error if the server
 * cannot be bound, with `CLOSED`, and with `signal.reason`. Whether etcd has the registration is told
 * by `registration.waitRegistration()`.
 *
 * @param discovery undefined: the `defaultDiscovery()`
 * @param server with its services, and not bound yet
 */
export function registerServer(
  discovery: Discovery | undefined,
  service: string,
  server: Server,
  options?: RegisterServerOptions | undefined,
): Promise<RegisteredServer> {
  assertDiscovery(discovery);
  assertServiceName(service);
  const given: unknown = server;
  if (typeof (given as Partial<Server> | null | undefined)?.bindAsync !== "function") {
    refuse("server", `must be a Server of @grpc/grpc-js, not ${kindOf(given)}`);
  }
  const settings = checkServerOptions(service, options);
  return bindAndRegister(discovery ?? defaultDiscovery(), service, server, settings);
}

async function bindAndRegister(
  discovery: Discovery,
  service: string,
  server: Server,
  { address, check, credentials, host, leaving, signal }: ReturnType<typeof checkServerOptions>,
): Promise<RegisteredServer> {
  signal?.throwIfAborted();
  const port = await bind(server, address, credentials);
  try {
    signal?.throwIfAborted();
    const registration = discovery.register(service, host(port), { check, signal });
    return new RegisteredServer(server, registration, port, leaving);
  } catch (error) {
    server.forceShutdown();
    throw error;
  }
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}
