// @ts-check
// Calls the hosts of the service "greeter" by turns: node client.js Ann
import { credentials } from "@grpc/grpc-js";
import { Discovery } from "etcd-discovery";
import { registerEtcdResolver } from "etcd-discovery/grpc";
import { GreeterClient } from "./greeter.js";

const [, , name = "Ann"] = process.argv;

const discovery = new Discovery({ logger: console });
registerEtcdResolver(discovery);
const client = new GreeterClient("etcd:///greeter", credentials.createInsecure());

/** @returns {Promise<string>} */
function hello() {
  return new Promise((resolve, reject) => {
    client.hello({ name }, { deadline: Date.now() + 5_000 }, (error, answer) =>
      error ? reject(error) : resolve(answer?.text ?? ""),
    );
  });
}

try {
  for (let call = 1; call <= 5; call += 1) console.log(await hello());
} catch (error) {
  process.exitCode = 1;
  console.error(String(error));
} finally {
  client.close();
  await discovery.close();
}
