// @ts-check
import { setTimeout as sleep } from "node:timers/promises";
import { Child } from "./child.js";
import { byTurns, median } from "./harness.js";
import { atMost } from "./table.js";

const hosts = 1_000;

/** How often each prolongs the life of a host, whose TTL is 5 s. */
const intervalMs = { "v2-ours": 3_000, "v2-peer": 4_000 };

/**
 * A process that keeps a thousand hosts alive for two intervals: how many requests etcd gets, and how
 * much CPU time that takes the process.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function keptAlive({ etcd: { endpoint }, rounds }) {
  /** @param {"v2-ours" | "v2-peer"} client */
  const turn = (client) => async (/** @type {number} */ round) => {
    const service = `bench-v2-keep-${client}-${round}`;
    const keeper = new Child("host-process.js", client, [endpoint, service, hosts]);
    try {
      await keeper.message();
      keeper.send("register");
      await keeper.message();
      // All are prolonged at about the same time, which is long after this.
      await sleep(500);
      const windowMs = 2 * intervalMs[client];
      const before = await spent(endpoint, keeper);
      await sleep(windowMs);
      const after = await spent(endpoint, keeper);
      return {
        requests: (after.requests - before.requests) / hosts / 2,
        seconds: ((after.cpuMs - before.cpuMs) / windowMs) * 60,
      };
    } finally {
      await keeper.leave();
    }
  };
  const contenders = { ours: turn("v2-ours"), peer: turn("v2-peer") };
  const { ours = [], peer = [] } = await byTurns(rounds, contenders, { warmUp: false });
  const many = hosts.toLocaleString("en");
  return [
    {
      measure: `requests for each of ${many} hosts and interval, most of ${rounds} rounds`,
      ours: Math.max(...ours.map(({ requests }) => requests)),
      peer: Math.max(...peer.map(({ requests }) => requests)),
      goals: [atMost(1)],
    },
    {
      measure: `CPU time of a process that keeps ${many} hosts for a minute`,
      unit: "s",
      ours: median(ours.map(({ seconds }) => seconds)),
      peer: median(peer.map(({ seconds }) => seconds)),
      goals: [atMost(1, "peer")],
    },
  ];
}

/**
 * @param {string} endpoint
 * @param {Child} child
 */
async function spent(endpoint, child) {
  child.send("cpu");
  const cpuMs = Number(await child.message());
  const text = await (await fetch(`${endpoint}/metrics`)).text();
  let requests = 0;
  for (const [, count] of text.matchAll(/^etcd_http_received_total\{.*\} (\S+)$/gm)) {
    requests += Number(count);
  }
  return { cpuMs, requests };
}
