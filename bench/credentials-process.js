// @ts-check
// A process with public hosts of one service, each of which brings a password of its own. Arguments:
// the module of the client (ours), the endpoint, the service, how many hosts, over how many
// instances of `Discovery` they are spread. It registers when it is sent "register".
import { Discovery } from "etcd-discovery";
import { instant } from "./harness.js";

const [, endpoint = "", service = "", hosts = "1", spread = "1"] = process.argv.slice(2);
const discoveries = Array.from(
  { length: Number(spread) },
  () => new Discovery({ endpoints: [endpoint] }),
);

/** @param {unknown} message */
async function obey(message) {
  if (message === "leave") {
    await Promise.all(discoveries.map((discovery) => discovery.close()));
    process.disconnect();
    return;
  }
  const startedAt = instant();
  for (let index = 0; index < Number(hosts); index += 1) {
    discoveries[index % discoveries.length]?.register(service, {
      public: true,
      hostname: "public.example",
      ports: { http: 80 },
      user: "user",
      password: crypto.randomUUID(),
    });
  }
  process.send?.(startedAt);
}

process.on("message", (message) => void obey(message));
process.once("disconnect", () => process.exit());
process.send?.("loaded");
