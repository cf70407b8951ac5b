// @ts-check
// A server of gRPC that is registered. Arguments: the module of the client (of no concern here), the
// endpoint, the service. It sends its port when it is registered; when it is sent "leave" it leaves
// gracefully, and ends, as it does when its parent is gone.
import { Server } from "@grpc/grpc-js";
import { Discovery } from "etcd-discovery";
import { registerServer } from "etcd-discovery/grpc";
import { echo } from "./grpc-echo.js";

const [, endpoint = "", service = ""] = process.argv.slice(2);
const discovery = new Discovery({ endpoints: [endpoint] });
const server = new Server();
server.addService(
  { echo },
  {
    /** @type {import("@grpc/grpc-js").handleUnaryCall<Buffer, Buffer>} */
    echo: (call, answer) => answer(null, call.request),
  },
);
const registered = await registerServer(discovery, service, server, {
  ...{ address: "127.0.0.1:0", host: { hostname: "127.0.0.1" }, delayMs: 500 },
});

async function leave() {
  await registered.leave();
  await discovery.close();
  process.disconnect();
}

process.on("message", () => void leave());
process.once("disconnect", () => process.exit());
await registered.registration.waitRegistration();
process.send?.(registered.port);
