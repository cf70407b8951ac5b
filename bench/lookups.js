// @ts-check
import { Bare } from "./bare.js";
import { byTurns, latency, medians, throughput } from "./harness.js";
import { Ours } from "./ours.js";
import { Peer } from "./peer.js";
import { atLeast, atMost } from "./table.js";

const measure = "url of one of 50 hosts, read fresh";

/**
 * One lookup after the other.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function oneAtATime({ etcd, rounds, times }) {
  const results = await measured(etcd, "bench-lookup", rounds, (lookup, count) =>
    latency(times(count), lookup),
  );
  const goals = [atMost(1.3, "bare"), atMost(0.7, "peer")];
  return [{ measure: `${measure}, one at a time, p50`, unit: "ms", ...medians(results), goals }];
}

/**
 * Many lookups at once.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function inFlight({ etcd, rounds, times }) {
  const results = await measured(etcd, "bench-lookup-32", rounds, (lookup, count) =>
    throughput(times(count), 32, lookup),
  );
  const goals = [atLeast(1.7, "peer")];
  return [{ measure: `${measure}, 32 in flight`, unit: "/s", ...medians(results), goals }];
}

/**
 * @param {import("etcd-discovery/testing").EtcdCluster} etcd
 * @param {string} service
 * @param {number} rounds
 * @param {(lookup: () => Promise<unknown>, count: number) => Promise<number>} take
 */
async function measured({ endpoint }, service, rounds, take) {
  const ours = new Ours(endpoint);
  const peer = new Peer(endpoint);
  const bare = new Bare(endpoint);
  try {
    await ours.registerHosts(service, 50);
    // Compilers take thousands of calls until they have settled.
    const count = (/** @type {number} */ round) => (round < 0 ? 3_000 : 500);
    return await byTurns(rounds, {
      ours: (round) => take(() => ours.url(service), count(round)),
      peer: (round) => take(() => peer.url(service), count(round)),
      bare: (round) => take(() => bare.readService(service), count(round)),
    });
  } finally {
    await Promise.all([ours.close(), peer.close(), bare.close()]);
  }
}
