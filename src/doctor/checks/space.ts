import { type Check, fine, notChecked, problem, type Sight, warning } from "../finding.ts";
import type { ClusterFacts } from "../facts.ts";
import { membersKnown } from "./members.ts";

/** How full the database may be before that is worth a warning. */
const fullFrom = 0.8;

/** Alarms by the names that etcd gives them, and what to do about each. */
const remedies: Readonly<Record<string, string>> = {
  NOSPACE:
    "etcd takes no more writes. Compact (etcdctl compact), defragment (etcdctl defrag), raise --quota-backend-bytes if need be, then etcdctl alarm disarm.",
  CORRUPT:
    "The members' data differ. Find the one that is wrong, remove it, and add it anew, empty.",
};

/** Whether etcd has raised an alarm. */
export const alarms: Check<ClusterFacts> = {
  name: "alarms",
  title: "Alarms",
  look: ({ endpoints }) => {
    const known = membersKnown(endpoints);
    if (known.length === 0) return [notChecked("no endpoint tells of its member")];
    const raised = new Set(known.flatMap(({ errors }) => errors));
    // That there is no leader is told where leaders are.
    const sights = [...raised]
      .filter((line) => !line.includes("no leader"))
      .map((line) => problem(line.trim(), { remedy: remedyFor(line) }));
    return sights.length > 0 ? sights : [fine("none")];
  },
};

/** How much of its space etcd has used. */
export const space: Check<ClusterFacts> = {
  name: "space",
  title: "Space",
  look: ({ endpoints }) => {
    const sights = endpoints.flatMap(({ address: where, http, member }): Sight[] => {
      if (!member.told) return [];
      const { sizeBytes, usedBytes } = member.value;
      const quotaBytes = http.told ? http.value.quotaBytes : undefined;
      const size = `${megabytes(sizeBytes)}, of which ${megabytes(usedBytes)} are in use`;
      if (quotaBytes === undefined) return [fine(`${size}; it does not tell its limit`, where)];
      const seen = `${size}; its limit is ${megabytes(quotaBytes)}`;
      if (sizeBytes < fullFrom * quotaBytes) return [fine(seen, where)];
      const remedy =
        "At its limit etcd takes no more writes. Compact and defragment it (etcdctl compact, etcdctl defrag), see --auto-compaction-retention, or raise --quota-backend-bytes.";
      return [warning(seen, { where, remedy })];
    });
    return sights.length > 0 ? sights : [notChecked("no endpoint tells of its member")];
  },
};

function remedyFor(line: string): string {
  const known = Object.entries(remedies).find(([name]) => line.includes(name));
  return known?.[1] ?? "etcd's own log says more.";
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}
