// @ts-check
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { byTurns, median } from "./harness.js";
import { Child } from "./child.js";
import { atMost } from "./table.js";

const hosts = 1_000;

/** Ticks of the CPU in a second, as /proc counts them on Linux (proc(5)). */
const ticks = 100;

/**
 * @typedef {object} Work
 * @property {number} proposals
 * @property {number} fsyncs
 * @property {number} cpuSeconds
 */

/**
 * What etcd does while a thousand hosts are registered and nothing happens. *Bare* is etcd with
 * nobody connected.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function quietMinute({ etcd, rounds, quietSeconds }) {
  const windowMs = (quietSeconds * 1_000) / rounds;
  /** @param {"ours" | "peer"} client */
  const turn = (client) => async (/** @type {number} */ round) => {
    const service = `bench-quiet-${client}-${round}`;
    const host = new Child("host-process.js", client, [etcd.endpoint, service, hosts]);
    try {
      await host.message();
      host.send("register");
      await host.message();
      return await watched(etcd, windowMs);
    } finally {
      await host.leave();
    }
  };
  const contenders = {
    ours: turn("ours"),
    peer: turn("peer"),
    bare: () => watched(etcd, windowMs),
  };
  const results = await byTurns(rounds, contenders, { warmUp: false });

  const perMinute = 60_000 / windowMs;
  /**
   * @param {keyof Work} what
   * @param {(works: number[]) => number} summary
   */
  const each = (what, summary) => {
    const of = (/** @type {Work[]} */ works = []) =>
      summary(works.map((work) => work[what] * perMinute));
    return { ours: of(results["ours"]), peer: of(results["peer"]), bare: of(results["bare"]) };
  };
  // A median could hide the one that there was.
  const mean = (/** @type {number[]} */ all) => all.reduce((sum, one) => sum + one, 0) / all.length;
  const quiet = `a quiet minute with ${hosts.toLocaleString("en")} hosts`;
  const rows = [
    { measure: `raft proposals in ${quiet}`, ...each("proposals", mean), goals: [atMost(0)] },
    { measure: `WAL fsyncs in ${quiet}`, ...each("fsyncs", mean), goals: [atMost(0)] },
  ];
  const cpu = each("cpuSeconds", median);
  if (Number.isNaN(cpu.ours)) {
    console.log("no /proc here: the CPU time of etcd is not measured");
    return rows;
  }
  const measure = `CPU time of etcd in ${quiet}`;
  return [...rows, { measure, unit: "s", ...cpu, goals: [atMost(0.3, "peer")] }];
}

/**
 * @param {import("etcd-discovery/testing").EtcdCluster} etcd
 * @param {number} windowMs
 */
async function watched(etcd, windowMs) {
  // What registering left to do is not of the quiet minute.
  await sleep(500);
  const before = await work(etcd);
  await sleep(windowMs);
  const after = await work(etcd);
  return {
    proposals: after.proposals - before.proposals,
    fsyncs: after.fsyncs - before.fsyncs,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
  };
}

/**
 * What etcd has done so far.
 *
 * @param {import("etcd-discovery/testing").EtcdCluster} etcd
 * @returns {Promise<Work>}
 */
async function work({ endpoint, pid }) {
  const text = await (await fetch(`${endpoint}/metrics`)).text();
  const metric = (/** @type {string} */ name) =>
    Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
  return {
    proposals: metric("etcd_server_proposals_committed_total"),
    fsyncs: metric("etcd_disk_wal_fsync_duration_seconds_count"),
    cpuSeconds: cpuSeconds(pid),
  };
}

/** @param {number | undefined} pid */
function cpuSeconds(pid) {
  try {
    // The name of the program, in parentheses, may hold anything (proc(5)).
    const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(/\) /);
    const [user, system] = fields.split(" ").slice(11, 13);
    return (Number(user) + Number(system)) / ticks;
  } catch {
    return Number.NaN;
  }
}
