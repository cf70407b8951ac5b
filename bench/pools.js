// @ts-check
import { Child } from "./child.js";
import { byTurns, median } from "./harness.js";
import { put } from "./many-hosts.js";
import { atMost } from "./table.js";

const hostsEach = 10;

/**
 * A fresh process each time: how long until so many live pools of ten hosts each are ready, and how
 * much larger the process is than an empty one, at rest and at once. Just then it is larger, since V8
 * lays by some 30 MB for new objects in any process that has had much to do, and collects late.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function thousandPools({ etcd: { endpoint }, rounds, times }) {
  const count = times(1_000);
  for (let index = 0; index < count; index += 1) {
    await put(endpoint, `bench-pools-${index}`, hostsEach);
  }
  const { ours = [], empty = [] } = await byTurns(
    rounds,
    {
      ours: async () => {
        const child = new Child("pools-process.js", "ours", [endpoint, "bench-pools-", count]);
        try {
          const told = await child.message();
          return { ...told, streams: await watchStreams(endpoint) };
        } finally {
          await child.leave();
        }
      },
      empty: async () => {
        const child = new Child("empty-process.js", "ours", []);
        try {
          return Number(await child.message());
        } finally {
          await child.leave();
        }
      },
    },
    { warmUp: false },
  );
  const nothing = median(empty);
  const over = (/** @type {number} */ bytes) => (bytes - nothing) / 1e6;
  const pools = `${count.toLocaleString("en")} pools of ${hostsEach} hosts in one process`;
  return [
    {
      ...{ measure: `${pools}, until all are ready`, unit: "s" },
      ours: median(ours.map(({ tookMs }) => tookMs / 1_000)),
      goals: [atMost(1)],
    },
    {
      ...{ measure: `watch streams of that`, unit: "" },
      ours: median(ours.map(({ streams }) => streams)),
      goals: [atMost(1)],
    },
    {
      ...{ measure: `CPU time of that`, unit: "s" },
      ours: median(ours.map(({ spentMs }) => spentMs / 1_000)),
      goals: [],
    },
    {
      ...{ measure: `memory of ${pools}, over an empty process`, unit: "MB" },
      ours: median(ours.map(({ after }) => over(after))),
      goals: [atMost(40)],
    },
    {
      ...{ measure: `the same before there are any pools`, unit: "MB" },
      ours: median(ours.map(({ before }) => over(before))),
      goals: [],
    },
    {
      ...{ measure: `the same when all are ready, before V8 has collected anything`, unit: "MB" },
      ours: median(ours.map(({ ready }) => over(ready))),
      goals: [],
    },
  ];
}

/**
 * How many streams there are that carry watches; nobody else has any.
 *
 * @param {string} endpoint
 */
async function watchStreams(endpoint) {
  const metrics = await (await fetch(`${endpoint}/metrics`)).text();
  return Number(/^etcd_debugging_mvcc_watch_stream_total (\d+)$/m.exec(metrics)?.[1]);
}
