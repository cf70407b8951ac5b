import { eventually } from "./eventually.ts";
import type { RawEtcd, RawRecord } from "./raw-etcd.ts";

/** The leases that keys live by, without those that live by none. */
export function leasesOf(records: ReadonlyMap<string, RawRecord>): string[] {
  const leases = [...records.values()].map(({ lease }) => lease);
  return [...new Set(leases)].filter((lease) => lease !== "0");
}

/**
 * Waits until etcd has no lease but those that some keys live by, and these: then nothing that is
 * still under way can bring back a record, for it would have to name a lease. Returns after how many
 * milliseconds.
 */
export async function noOrphanLease(
  raw: RawEtcd,
  options: { readonly but?: readonly string[]; readonly withinMs?: number } = {},
): Promise<number> {
  const since = performance.now();
  await eventually(
    async () => {
      const leases = await raw.leases();
      // Read later: a key that is not there yet makes its lease an orphan for a moment only.
      const inUse = new Set([...leasesOf(await raw.list("/")), ...(options.but ?? [])]);
      const orphans = leases.filter((lease) => !inUse.has(lease));
      if (orphans.length > 0)
        throw new Error(`leases that nothing lives by: ${orphans.join(", ")}`);
    },
    options.withinMs,
    20,
  );
  return performance.now() - since;
}
