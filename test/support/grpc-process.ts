import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Child, runChild } from "./child.ts";

const entry = pathToFileURL(
  join(import.meta.dirname, "../../dist/integrations/grpc/index.js"),
).href;
const grpc = pathToFileURL(createRequire(import.meta.url).resolve("@grpc/grpc-js")).href;

/** For scripts of `runChild`: gRPC, its integration, and the service that `grpc-service.ts` calls. */
export const grpcPrelude: string = `
  const { default: grpc } = await import(${JSON.stringify(grpc)});
  const { registerEtcdResolver, registerServer } = await import(${JSON.stringify(entry)});
  const bytes = (text) => Buffer.from(text);
  const who = {
    path: "/test.Who/Who", requestStream: false, responseStream: false,
    requestSerialize: bytes, requestDeserialize: String,
    responseSerialize: bytes, responseDeserialize: String,
  };
`;

/** A process that serves by that name, registered as a host of \`api\`; on SIGTERM it leaves, and takes so long over it. */
export async function startGrpcProcess(
  name: string,
  env: Readonly<Record<string, string>>,
  { delayMs = 700, ttlSeconds = 60 }: { delayMs?: number; ttlSeconds?: number } = {},
): Promise<Child> {
  const child = await runChild(
    `
    ${grpcPrelude}
    const discovery = new Discovery({ ttlSeconds: ${ttlSeconds} });
    const server = new grpc.Server();
    // Calls take a while, so that some are always under way.
    const answer = (call, callback) => setTimeout(() => callback(null, ${JSON.stringify(name)}), 20);
    server.addService({ who }, { who: answer });
    const registered = await registerServer(discovery, "api", server, {
      address: "127.0.0.1:0", host: { hostname: "127.0.0.1" }, delayMs: ${delayMs},
    });
    registered.leaveOn("SIGTERM");
    await registered.registration.waitRegistration();
    say({ serves: registered.port });
    `,
    { env },
  );
  await child.heard<{ serves?: number }>((said) => said.serves !== undefined, 30_000);
  return child;
}
