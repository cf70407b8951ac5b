// @ts-check
// A process of its own: one instance of the service, or the follower.
import { Discovery } from "etcd-discovery";
import { startFollower } from "./follower.js";
import { startService } from "./service.js";

const [, , role = "", service = "", who = ""] = process.argv;

/** @type {import("./timeline.js").Tell} */
const tell = (kind, text, node) => void process.send?.({ who, kind, text, node });

// Nobody to tell any more: the demo itself was ended.
const onDisconnect = () => process.exit(1);
process.once("disconnect", onDisconnect);

const discovery = new Discovery();

/** @param {() => Promise<void>} leave */
async function endWith(leave) {
  await leave();
  await discovery.close();
  process.off("disconnect", onDisconnect);
  process.disconnect();
}

if (role === "follower") {
  const follower = await startFollower({ discovery, service, tell });
  process.once("SIGTERM", () => void endWith(() => follower.stop()));
} else {
  const bringsPassword = role === "first";
  const instance = await startService({ discovery, service, node: who, bringsPassword, tell });
  process.on("message", () => void instance.rotate());
  process.once("SIGTERM", () => void endWith(() => instance.leave()));
}
