// @ts-check
import { setTimeout as sleep } from "node:timers/promises";
import { startEtcd } from "etcd-discovery/testing";
import { Child } from "./child.js";
import { median } from "./harness.js";
import { atMost } from "./table.js";

const service = "bench-outage";
const normalMs = 2_000;

/** By then the time that requests take must be normal again. */
const backMs = 1_000;

/**
 * Three hosts in processes of their own, on an etcd of their own, and a process with requests under way
 * to them all the time.
 *
 * @template T
 * @param {(stage: Stage) => Promise<T>} measure
 */
async function underLoad(measure) {
  const etcd = await startEtcd();
  /** @type {Child[]} */
  const children = [];
  try {
    const { endpoint } = etcd;
    const hosts = [1, 2, 3].map(
      () => new Child("http-host-process.js", "ours", [endpoint, service, 1]),
    );
    children.push(...hosts);
    const [port] = await Promise.all(hosts.map((host) => host.message()));
    const load = new Child("http-load-process.js", "ours", [endpoint, service, port]);
    children.unshift(load);
    await load.message();
    const tell = async (/** @type {number} */ afterMs) => {
      await sleep(afterMs);
      load.send("tell");
      return load.message();
    };
    // Until it has settled.
    await tell(normalMs);
    return await measure({ etcd, dies: hosts[0], tell });
  } finally {
    // The one that makes the requests first.
    for (const child of children) await child.kill();
    await etcd[Symbol.asyncDispose]();
  }
}

/**
 * @typedef {object} Stage
 * @property {import("etcd-discovery/testing").EtcdCluster} etcd
 * @property {Child | undefined} dies
 * @property {(afterMs: number) => Promise<any>} tell what happened since the last time it was asked
 */

/**
 * One of three hosts is killed with SIGKILL under load, while etcd is there and while it is not: how many
 * requests fail, how many attempts for each connection there was, and how long requests take from a
 * second later on.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function killedUnderLoad({ rounds }) {
  const rows = [];
  for (const etcdIs of ["up", "down"]) {
    const results = [];
    for (let round = 0; round < Math.min(rounds, 3); round += 1) {
      results.push(
        await underLoad(async ({ etcd, dies, tell }) => {
          if (etcdIs === "down") await etcd.kill();
          const before = await tell(normalMs);
          await dies?.kill();
          const during = await tell(backMs);
          const after = await tell(normalMs);
          return {
            failed: before.failed + during.failed + after.failed,
            attempts: (during.failedAttempts + after.failedAttempts) / before.open,
            ...{ before: before.p99, after: after.p99 },
          };
        }),
      );
    }
    const what = `one of 3 hosts SIGKILLed under load, etcd ${etcdIs}`;
    rows.push(
      {
        measure: `${what}: failed requests`,
        ours: Math.max(...results.map(({ failed }) => failed)),
        goals: [atMost(0)],
      },
      {
        measure: `${what}: failed attempts for each open connection`,
        ours: Math.max(...results.map(({ attempts }) => attempts)),
        goals: [atMost(1)],
      },
      {
        ...{ measure: `${what}: p99 from 1 s later on (bare: before)`, unit: "ms" },
        ours: median(results.map(({ after }) => after)),
        bare: median(results.map(({ before }) => before)),
        // Two do the work of three.
        goals: [atMost(2, "bare")],
      },
    );
  }
  return rows;
}

/**
 * etcd is away under load, and comes back: how many requests fail.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function awayUnderLoad({ full, times }) {
  const seconds = full ? 60 : times(10);
  const { failed, answered } = await underLoad(async ({ etcd, tell }) => {
    await etcd.kill();
    const away = await tell(seconds * 1_000);
    await etcd.restart();
    const back = await tell(normalMs);
    return { failed: away.failed + back.failed, answered: away.answered + back.answered };
  });
  const of = answered.toLocaleString("en");
  return [
    {
      measure: `etcd down for ${seconds} s under load: failed requests of ${of}`,
      ours: failed,
      goals: [atMost(0)],
    },
  ];
}
