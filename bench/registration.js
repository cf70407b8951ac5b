// @ts-check
import { Bare } from "./bare.js";
import { Child } from "./child.js";
import { byTurns, median, until } from "./harness.js";
import { atMost } from "./table.js";
import { BareV2 } from "./v2-bare.js";

/** @param {import("./harness.js").Bench} bench */
export async function aThousand(bench) {
  return await withPeer(bench, 1_000, { seconds: 0.15, megabytes: 95 });
}

/** @param {import("./harness.js").Bench} bench */
export async function fiveThousand(bench) {
  return await withPeer(bench, 5_000, { seconds: 0.5, megabytes: 150 });
}

/**
 * A thousand by the v2 API.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function aThousandV2(bench) {
  const clients = /** @type {const} */ ({ ours: "v2-ours", peer: "v2-peer" });
  const { time, memory } = await measured(bench, 1_000, clients, new BareV2(bench.etcd.endpoint));
  return [
    { ...time, goals: [atMost(0.6)] },
    { ...memory, goals: [] },
  ];
}

/**
 * @param {import("./harness.js").Bench} bench
 * @param {number} count
 * @param {{ seconds: number, megabytes: number }} limits
 */
async function withPeer(bench, count, { seconds, megabytes }) {
  const clients = /** @type {const} */ ({ ours: "ours", peer: "peer" });
  const { time, memory } = await measured(bench, count, clients, new Bare(bench.etcd.endpoint));
  return [
    { ...time, goals: [atMost(seconds), atMost(0.1, "peer")] },
    { ...memory, goals: [atMost(megabytes)] },
  ];
}

/**
 * A fresh process each time: how long from its first step until all its hosts are listed, as another
 * process sees it, and how much memory it holds then.
 *
 * @param {import("./harness.js").Bench} bench
 * @param {number} count
 * @param {{ ours: import("./child.js").Contender, peer: import("./child.js").Contender }} clients
 * @param {Bare | BareV2} observer
 */
async function measured({ etcd: { endpoint }, rounds }, count, clients, observer) {
  /** @param {"ours" | "peer"} client */
  const turn = (client) => async (/** @type {number} */ round) => {
    const service = `bench-register-${count}-${client}-${round}`;
    const host = new Child("host-process.js", clients[client], [endpoint, service, count]);
    try {
      await host.message();
      host.send("register");
      const registered = host.message();
      const over = new AbortController();
      const listed = until(async () => (await observer.count(service, count)) === count, {
        what: `${count} hosts`,
        signal: over.signal,
      });
      const [listedAt, { startedAt, residentBytes }] = await Promise.all([
        listed,
        registered.catch((error) => {
          over.abort();
          throw error;
        }),
      ]);
      return { seconds: (listedAt - startedAt) / 1_000, megabytes: residentBytes / 1e6 };
    } catch (error) {
      if (client === "ours") throw error;
      // Its leases run out when it does not get to renewing them, and then its puts are refused.
      console.log(`the peer did not get ${count} hosts registered in round ${round + 1}`);
      return undefined;
    } finally {
      await host.leave();
      // Leases that are still to be revoked would be work for etcd in the next turn.
      await until(async () => (await observer.count(service, 0)) === 0, { what: "no hosts" });
    }
  };
  try {
    const contenders = { ours: turn("ours"), peer: turn("peer") };
    const results = await byTurns(rounds, contenders, { warmUp: false });
    const { ours = [], peer = [] } = results;
    const hosts = `${count.toLocaleString("en")} private hosts`;
    return {
      time: {
        measure: `register ${hosts} from one process until all are listed`,
        unit: "s",
        ours: median(ours.map(({ seconds }) => seconds)),
        peer: median(peer.map(({ seconds }) => seconds)),
      },
      memory: {
        measure: `memory of a process with ${hosts}`,
        unit: "MB",
        ours: median(ours.map(({ megabytes }) => megabytes)),
        peer: median(peer.map(({ megabytes }) => megabytes)),
      },
    };
  } finally {
    await observer.close();
  }
}
