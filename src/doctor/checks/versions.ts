import { isMended } from "../../store/etcd3/old-leader.ts";
import { type Check, fine, notChecked, problem, type Sight, warning } from "../finding.ts";
import type { ClusterFacts, EndpointFacts } from "../facts.ts";

/** Whether these releases of etcd are known for faults that matter here. */
export const versions: Check<ClusterFacts> = {
  name: "versions",
  title: "Versions",
  look: ({ api, endpoints, members }) => {
    const found = [...new Set(endpoints.flatMap(versionOf))].sort();
    if (found.length === 0) return [notChecked("no endpoint tells its version")];
    const sights: Sight[] = [];
    if (found.length > 1) {
      const remedy =
        "Fine while etcd is brought up to date member by member; else make them the same.";
      sights.push(warning(`the members have different ones: ${found.join(", ")}`, { remedy }));
    }
    for (const version of found) sights.push(...ofVersion(version, api, members));
    return sights.length > 0 ? sights : [fine(found.join(", "))];
  },
};

function ofVersion(version: string, api: 2 | 3, members: ClusterFacts["members"]): Sight[] {
  const where = `etcd ${version}`;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (api === 2 && (major > 3 || (major === 3 && minor >= 6))) {
    const remedy = "Move to API 3 (--api 3), or stay on etcd 3.5 with --enable-v2.";
    return [problem("it has no API 2 any more", { where, remedy })];
  }
  if (major < 3 || (major === 3 && minor < 4)) {
    return [
      warning("it is older than what this package is tested with", {
        where,
        remedy: "Use 3.4 or newer.",
      }),
    ];
  }
  // One that is alone has no other leader. (By API 2 there are no leases.)
  const alone = members.told && members.value === 1;
  if (api === 2 || alone || isMended(version)) return [];
  const seen =
    "a leader that was asleep may end leases that others have kept alive meanwhile (etcd-io/etcd#15247)";
  const remedy =
    "Use 3.4.31, 3.5.13 or newer. Until then registrations of this package move to another lease when the leader changes; those of other programs may be lost for a moment.";
  return [warning(seen, { where, remedy })];
}

/** By whichever way it was told. */
function versionOf({ http, member }: EndpointFacts): string[] {
  if (member.told) return [member.value.version];
  return http.told && http.value.version !== undefined ? [http.value.version] : [];
}
