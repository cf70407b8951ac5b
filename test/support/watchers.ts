import type { EtcdCluster } from "../../src/testing/index.ts";

/** How many ranges an etcd of one member has watches on. A service that is followed takes two. */
export async function watchers(etcd: Pick<EtcdCluster, "endpoint">): Promise<number> {
  const metrics = await (await fetch(`${etcd.endpoint}/metrics`)).text();
  return Number(/^etcd_debugging_mvcc_watcher_total (\d+)$/m.exec(metrics)?.[1]);
}
