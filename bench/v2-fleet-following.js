// @ts-check
import { setTimeout as sleep } from "node:timers/promises";
import { Child } from "./child.js";
import { byTurns, median } from "./harness.js";
import { atMost } from "./table.js";
import { BareV2 } from "./v2-bare.js";

const hosts = 1_000;
const followers = 20;

/**
 * Twenty subscribers in one process to a thousand hosts that Go clients keep: the CPU time of that
 * process while no host comes or goes, told for 15 s.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function fleetFollowed({ etcd: { endpoint }, rounds, quietSeconds }) {
  const service = "bench-v2-fleet";
  const bare = new BareV2(endpoint);
  const fleet = new Child("host-process.js", "v2-fleet", [endpoint, service, hosts]);
  /** @param {"v2-ours" | "v2-peer"} client */
  const turn = (client) => async () => {
    const args = [endpoint, service, followers];
    const subscriber = new Child("follower-process.js", client, args);
    const cpuMs = async () => {
      subscriber.send("cpu");
      return Number(await subscriber.message());
    };
    try {
      await subscriber.message();
      await sleep(1_000);
      const windowMs = (quietSeconds * 1_000) / rounds;
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
    const contenders = { ours: turn("v2-ours"), peer: turn("v2-peer") };
    const { ours = [], peer = [] } = await byTurns(rounds, contenders, { warmUp: false });
    return [
      {
        measure: `CPU time of ${followers} subscribers in one process to ${hosts.toLocaleString("en")} hosts that are rewritten, in 15 s`,
        unit: "s",
        ours: median(ours),
        peer: median(peer),
        goals: [atMost(0.6)],
      },
    ];
  } finally {
    await fleet.leave();
    await bare.close();
  }
}
