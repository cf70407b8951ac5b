// @ts-check
import { Child } from "./child.js";
import { byTurns, median } from "./harness.js";
import { atLeast, atMost } from "./table.js";

const few = 50;
const many = 10_000;

/** Millions a second over few hosts, and how much slower it may be over many. */
const targets = {
  random: { millions: 15, slower: 2 },
  roundRobin: { millions: 15, slower: 2 },
  weighted: { millions: 10, slower: 2 },
  leastBusy: { millions: 10, slower: 2 },
  consistentHash: { millions: 5, slower: 3 },
};

/**
 * `pick()` of a live pool, and a url of the host, whose string is really there, in a fresh process
 * for each strategy: over few hosts, and over many (with few as bare). And what the picks allocate.
 * By CPU time, which is what one thread of a machine with nothing else to do would take.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function picks({ rounds, times }) {
  const rows = [];
  for (const [strategy, { millions, slower }] of Object.entries(targets)) {
    /** @param {number} hosts */
    const turn = (hosts) => async () => {
      const args = [strategy, hosts, times(10_000_000)];
      const child = new Child("pick-process.js", "ours", args);
      try {
        return await child.message();
      } finally {
        await child.leave();
      }
    };
    const contenders = { few: turn(few), many: turn(many) };
    const results = await byTurns(rounds, contenders, { warmUp: false });
    /** @param {"millions" | "bytes"} what */
    const each = (what, of = "few") => median((results[of] ?? []).map((one) => one[what]));
    const over = (/** @type {number} */ hosts) =>
      `${strategy}: picks and urls a CPU second, of ${hosts.toLocaleString("en")} hosts`;
    rows.push(
      {
        ...{ measure: over(few), unit: "M", ours: each("millions") },
        goals: [atLeast(millions)],
      },
      {
        ...{ measure: `${over(many)} (bare: ${few})`, unit: "M", ours: each("millions", "many") },
        bare: each("millions"),
        goals: [atLeast(1 / slower, "bare")],
      },
      {
        ...{ measure: `${strategy}: allocated by a pick`, unit: "B", ours: each("bytes") },
        goals: [atMost(1)],
      },
    );
  }
  return rows;
}
