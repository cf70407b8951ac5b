import { quote } from "../../model/refuse.ts";
import { type Check, fine, limited, notChecked, problem, type Sight, warning } from "../finding.ts";
import type { LeaseFacts, LeaseLook, RecordFacts, SeenHost } from "../facts.ts";
import { groups } from "../groups.ts";
import { isInDoubt } from "../leases.ts";
import { counted, hostName, some } from "../names.ts";

/** From how many seconds on a host stays listed long after its process has died. */
const longSeconds = 60;

/** Whether the record of each host ends with the host. */
export const lifetime: Check<RecordFacts> = {
  name: "lifetime",
  title: "Lifetime",
  look: ({ hosts, leases }) => {
    const sights = hosts.flatMap((host): Sight[] => {
      const where = hostName(host);
      if (host.life.by === "nothing") {
        const remedy =
          "It stays when its process dies. If nobody keeps it: etcd-discovery deregister; a process of this package would have written it with a lease.";
        return [problem("it lives by no lease and never expires", { where, remedy })];
      }
      const seconds = grantedSeconds(host, leases?.told === true ? leases.value : undefined);
      if (seconds <= longSeconds) return [];
      const remedy = "Register with a smaller ttlSeconds; 5 is the default.";
      return [
        warning(`it stays listed for ${seconds} s after its process has died`, { where, remedy }),
      ];
    });
    if (sights.length > 0) return limited(sights);
    return [fine(hosts.length === 0 ? "no hosts" : "the records of all hosts expire")];
  },
};

/** Whether the leases of hosts are kept alive. */
export const keepAlive: Check<RecordFacts> = {
  name: "keepalive",
  title: "Leases",
  look: ({ api, hosts, leases }) => {
    if (leases === undefined) {
      return [fine(`API ${api} has none, and does not tell when a record was refreshed`)];
    }
    if (!leases.told) return [notChecked(leases.why)];
    const { first, second, unseen } = leases.value;
    const holders = groups(hosts, ({ life }) => (life.by === "lease" ? life.lease : 0n));
    const sights: Sight[] = [];
    for (const [lease, look] of second) {
      const before = first.get(lease);
      if (before === undefined || !isInDoubt(before)) continue;
      const where = some((holders.get(lease) ?? []).map(({ id }) => `host ${quote(id)}`));
      if (look.remainingSeconds < 0) {
        const remedy = "It died, or hangs. It is back if its process comes back.";
        sights.push(warning("its lease ran out while we looked", { where, remedy }));
      } else if (isInDoubt(look) && look.remainingSeconds <= before.remainingSeconds) {
        const age = look.grantedSeconds - look.remainingSeconds;
        const seen = `its lease of ${look.grantedSeconds} s was not renewed for ${age} s, on two looks`;
        const remedy =
          "Its process hangs, has died, or cannot reach etcd; when the lease runs out it is gone.";
        sights.push(problem(seen, { where, remedy }));
      }
    }
    if (unseen > 0) sights.push(notChecked(`${unseen} more leases than are looked at`));
    return sights.length > 0 ? limited(sights) : [fine(summary(first))];
  },
};

function summary(looks: LeaseFacts["first"]): string {
  const alive = [...looks.values()].filter(({ remainingSeconds }) => remainingSeconds >= 0);
  if (alive.length === 0) return "none";
  const oldest = alive.reduce((one, other) => (age(one) > age(other) ? one : other));
  return `${counted(alive.length, "lease")}, the one renewed longest ago ${age(oldest)} s ago, of ${oldest.grantedSeconds} s`;
}

function age({ grantedSeconds, remainingSeconds }: LeaseLook): number {
  return grantedSeconds - remainingSeconds;
}

/** By API 2 what is left of it, at most. */
function grantedSeconds({ life }: SeenHost, leases: LeaseFacts | undefined): number {
  if (life.by === "ttl") return life.seconds;
  if (life.by === "nothing") return Infinity;
  return leases?.first.get(life.lease)?.grantedSeconds ?? 0;
}
