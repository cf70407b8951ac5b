// @ts-check
import { startEtcd } from "etcd-discovery/testing";

/**
 * A measure of the v2 API, as one that has an etcd of its own which serves it. Without rows where etcd
 * has it no more.
 *
 * @param {(bench: import("./harness.js").Bench) => Promise<import("./table.js").Row[]>} measure
 */
export function onV2(measure) {
  return async (/** @type {import("./harness.js").Bench} */ bench) => {
    const [major = 0, minor = 0] = bench.etcd.version.split(".").map(Number);
    if (major > 3 || minor > 5) {
      console.log(`etcd ${bench.etcd.version} has no v2 API: what needs it is not measured`);
      return [];
    }
    const etcd = await startEtcd({ args: ["--enable-v2"] });
    try {
      const rows = await measure({ ...bench, etcd });
      return rows.map((row) => ({ ...row, measure: `v2: ${row.measure}`, peerName: "Go's way" }));
    } finally {
      await etcd[Symbol.asyncDispose]();
    }
  };
}
