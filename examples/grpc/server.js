// @ts-check
// A gRPC server that registers itself, and leaves without a failed call.
import { Server } from "@grpc/grpc-js";
import { Discovery } from "etcd-discovery";
import { registerServer } from "etcd-discovery/grpc";
import { GreeterService } from "./greeter.js";

const { ADDRESS = "0.0.0.0:50051", PRIVATE_HOSTNAME } = process.env;

const server = new Server();
server.addService(GreeterService, {
  /** @type {import("@grpc/grpc-js").handleUnaryCall<import("./greeter.js").Question, import("./greeter.js").Answer>} */
  hello: (call, answer) =>
    answer(null, { text: `hello ${call.request.name}, from ${process.pid}` }),
});

const discovery = new Discovery({ logger: console });
const registered = await registerServer(discovery, "greeter", server, {
  address: ADDRESS,
  host: { privateHostname: PRIVATE_HOSTNAME },
  delayMs: 2_000,
});
registered.leaveOn("SIGTERM", "SIGINT");
await registered.registration.waitRegistration();
console.log(`${registered.registration.uuid} is registered`);
