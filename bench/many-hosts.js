// @ts-check
import { Bare } from "./bare.js";
import { Child } from "./child.js";
import { byTurns, median } from "./harness.js";
import { hostRecord } from "./host-record.js";
import { atMost } from "./table.js";

const hosts = 10_000;

/**
 * A fresh process each time, which has looked up another service before: how long until it has all
 * hosts of one service and follows it, and what they take of its heap then.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function firstView({ etcd: { endpoint }, rounds }) {
  const service = "bench-first-view";
  await put(endpoint, service, hosts);
  /** @param {import("./child.js").Contender} contender */
  const turn = (contender) => async () => {
    const child = new Child("view-process.js", contender, [endpoint, service]);
    try {
      return await child.message();
    } finally {
      await child.leave();
    }
  };
  const contenders = { ours: turn("ours"), peer: turn("peer"), bare: turn("bare") };
  const results = await byTurns(rounds, contenders, { warmUp: false });
  /** @param {"tookMs" | "cpuMs" | "heapBytes"} what */
  const each = (what, unit = 1) => {
    const of = (/** @type {any[]} */ all = []) => median(all.map((one) => one[what] / unit));
    return { ours: of(results["ours"]), peer: of(results["peer"]), bare: of(results["bare"]) };
  };
  const many = hosts.toLocaleString("en");
  const { ours, peer } = each("heapBytes", 1e6);
  return [
    {
      measure: `first view of ${many} hosts, in a fresh process`,
      unit: "s",
      ...each("tookMs", 1_000),
      goals: [atMost(0.3)],
    },
    { measure: `CPU time of that`, unit: "s", ...each("cpuMs", 1_000), goals: [] },
    { measure: `heap of ${many} hosts`, unit: "MB", ours, peer, goals: [atMost(15)] },
  ];
}

/**
 * What one update of a host costs the process that follows the service, in CPU time, among few hosts
 * and among many: for one that subscribes, and for one that wants a view each time.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function oneUpdate({ etcd: { endpoint }, rounds, times }) {
  const counts = { few: 100, many: hosts };
  for (const [name, count] of Object.entries(counts)) {
    await put(endpoint, `bench-update-${name}`, count);
  }
  const bare = new Bare(endpoint);
  const rows = [];
  try {
    for (const way of ["events", "views"]) {
      /** @type {Record<string, () => Promise<number>>} */
      const contenders = {};
      const children = Object.keys(counts).map((name) => {
        const service = `bench-update-${name}`;
        const child = new Child("update-process.js", "ours", [endpoint, service, way]);
        contenders[name] = async () => {
          const updates = times(2_000);
          const last = crypto.randomUUID();
          child.send(last);
          await child.message();
          for (let update = 1; update <= updates; update += 1) {
            const id = `host-${update % 100}`;
            const shard = update === updates ? last : `shard-${update}`;
            await bare.put(`/services/${service}/${id}`, hostRecord(service, id, shard));
          }
          return Number(await child.message()) / updates;
        };
        return child;
      });
      try {
        for (const child of children) await child.message();
        const results = await byTurns(rounds, contenders);
        const few = median(results["few"] ?? []);
        const many = median(results["many"] ?? []);
        const told = way === "events" ? "an event each" : "a view each";
        rows.push({
          measure: `CPU time of one update among 10,000 hosts, ${told} (bare: among 100)`,
          unit: "ms",
          ours: many,
          bare: few,
          goals: [atMost(1.5, "bare")],
        });
      } finally {
        await Promise.all(children.map((child) => child.leave()));
      }
    }
  } finally {
    await bare.close();
  }
  return rows;
}

/**
 * A fresh process each time: how long until it follows so many services, and what each takes of its
 * heap. The peer's watches do not list what there is.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function thousandServices({ etcd: { endpoint }, rounds, times }) {
  const count = times(1_000);
  const bare = new Bare(endpoint);
  for (let index = 0; index < count; index += 1) {
    const service = `bench-services-${index}`;
    await bare.put(`/services/${service}/host`, hostRecord(service, "host"));
  }
  await bare.close();
  /** @param {import("./child.js").Contender} contender */
  const turn = (contender) => async () => {
    const child = new Child("services-process.js", contender, [endpoint, "bench-services-", count]);
    try {
      return await child.message();
    } finally {
      await child.leave();
    }
  };
  const contenders = { ours: turn("ours"), peer: turn("peer") };
  const { ours = [], peer = [] } = await byTurns(rounds, contenders, { warmUp: false });
  const services = `${count.toLocaleString("en")} services`;
  return [
    {
      measure: `${services} followed by one process, until all are`,
      unit: "s",
      ours: median(ours.map(({ tookMs }) => tookMs / 1_000)),
      peer: median(peer.map(({ tookMs }) => tookMs / 1_000)),
      goals: [],
    },
    {
      measure: `heap of each of ${services}`,
      unit: "kB",
      ours: median(ours.map(({ heapBytes }) => heapBytes / count / 1_000)),
      peer: median(peer.map(({ heapBytes }) => heapBytes / count / 1_000)),
      goals: [],
    },
  ];
}

/**
 * Writes the records of so many hosts.
 *
 * @param {string} endpoint
 * @param {string} service
 * @param {number} count
 */
export async function put(endpoint, service, count) {
  const bare = new Bare(endpoint);
  try {
    for (let from = 0; from < count; from += 100) {
      const some = Array.from({ length: Math.min(100, count - from) }, (_, index) => {
        const id = `host-${from + index}`;
        return bare.put(`/services/${service}/${id}`, hostRecord(service, id));
      });
      await Promise.all(some);
    }
  } finally {
    await bare.close();
  }
}
