// @ts-check
import { Child } from "./child.js";
import { byTurns, median } from "./harness.js";
import { put } from "./many-hosts.js";
import { atMost } from "./table.js";

const hostsEach = 10;

/**
 * A fresh process each time: how long until so many live pools of ten hosts each are ready, and how
 * much larger the process is than before, at rest and at once. Just then it is larger, since V8 lays
 * by some 30 MB for new objects in any process that has had much to do, and collects late.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function thousandPools({ etcd: { endpoint }, rounds, times }) {
  const count = times(1_000);
  for (let index = 0; index < count; index += 1) {
    await put(endpoint, `bench-pools-${index}`, hostsEach);
  }
  const { ours = [] } = await byTurns(
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
    },
    { warmUp: false },
  );
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
      ...{ measure: `memory of ${pools}`, unit: "MB" },
      ours: median(ours.map(({ residentBytes }) => residentBytes / 1e6)),
      goals: [atMost(40)],
    },
    {
      ...{ measure: `the same before V8 has collected anything`, unit: "MB" },
      ours: median(ours.map(({ readyBytes }) => readyBytes / 1e6)),
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
