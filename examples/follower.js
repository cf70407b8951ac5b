// @ts-check
// Tells of every host of a service that comes, changes or goes, for ever: node follower.js my-service
import { Discovery } from "etcd-discovery";

const [, , service = "hello"] = process.argv;

const discovery = new Discovery({ logger: console });
discovery.closeOn("SIGTERM", "SIGINT");

for await (const { type, host, reason } of discovery.subscribe(service, { existing: true })) {
  const name = host.privateHostname;
  if (type === "down") console.log(`- ${name} is down: ${reason}`);
  else if (type === "up") console.log(`+ ${name} is up`, { ...host.privatePorts });
  else console.log(`~ ${name} ${host.draining ? "is about to leave" : "has changed"}`);
}
