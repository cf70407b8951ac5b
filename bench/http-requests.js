// @ts-check
import { Child } from "./child.js";
import { byTurns, mediansOf } from "./harness.js";
import { atLeast } from "./table.js";

const hosts = 3;

/**
 * Requests to three servers on this machine by the service's name, and by plain undici to one of them,
 * each in a fresh process.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function httpRequests({ etcd: { endpoint }, rounds, times }) {
  const service = "bench-http";
  // In one process, so that it makes no difference to how many of them requests go.
  const servers = new Child("http-host-process.js", "ours", [endpoint, service, hosts]);
  try {
    const port = await servers.message();
    const rows = [];
    for (const by of ["fetch", "request"]) {
      /** @param {"ours" | "bare"} contender */
      const turn = (contender) => async () => {
        const args = [endpoint, service, port, times(10_000), by];
        const child = new Child("http-requests-process.js", contender, args);
        try {
          return await child.message();
        } finally {
          await child.leave();
        }
      };
      const results = await byTurns(
        rounds,
        { ours: turn("ours"), bare: turn("bare") },
        { warmUp: false },
      );
      /** @param {"perSecond" | "perCpuSecond"} what */
      const told = (what) => {
        const { ours, bare } = mediansOf(results, what);
        return { ours, bare };
      };
      const measure = `HTTP by ${by} to ${hosts} local servers (bare: undici to one)`;
      rows.push(
        {
          ...{ measure, unit: "/s", ...told("perSecond") },
          goals: by === "fetch" ? [atLeast(0.9, "bare")] : [],
        },
        {
          ...{ measure: "the same in a second of the client's CPU time", unit: "/s" },
          ...told("perCpuSecond"),
          goals: [],
        },
      );
    }
    return rows;
  } finally {
    await servers.leave();
  }
}
