// @ts-check
import { setTimeout as sleep } from "node:timers/promises";
import { Child } from "./child.js";
import { atMost } from "./table.js";
import { BareV2 } from "./v2-bare.js";

const hosts = 1_000;
const followers = 20;

/**
 * Twenty subscribers in one process to a thousand hosts that Go clients keep: the CPU time of that
 * process while no host comes or goes, told for 15 s. V8 goes on compiling for some 15 s, and not
 * after that: they are let pass.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function fleetFollowed({ etcd: { endpoint }, quietSeconds }) {
  const service = "bench-v2-fleet";
  const bare = new BareV2(endpoint);
  const fleet = new Child("host-process.js", "v2-fleet", [endpoint, service, hosts]);
  /** @param {"v2-ours" | "v2-peer"} client */
  const spentBy = async (client) => {
    const args = [endpoint, service, followers];
    const subscriber = new Child("follower-process.js", client, args);
    const cpuMs = async () => {
      subscriber.send("cpu");
      return Number(await subscriber.message());
    };
    try {
      await subscriber.message();
      const windowMs = quietSeconds * 1_000;
      await sleep(windowMs);
      const before = await cpuMs();
      await sleep(windowMs);
      const spent = (await cpuMs()) - before;
      if (client === "v2-ours") {
        // Nothing was saved by not following: all are told of the next that comes.
        const leave = bare.registerHost(service);
        await subscriber.message();
        await leave();
      }
      return (spent / windowMs) * 15;
    } finally {
      await subscriber.leave();
    }
  };
  try {
    await fleet.message();
    fleet.send("register");
    await fleet.message();
    return [
      {
        measure: `CPU time of ${followers} subscribers in one process to ${hosts.toLocaleString("en")} hosts that are rewritten, in 15 s`,
        unit: "s",
        ours: await spentBy("v2-ours"),
        peer: await spentBy("v2-peer"),
        goals: [atMost(0.6)],
      },
    ];
  } finally {
    await fleet.leave();
    await bare.close();
  }
}
