import { quote } from "../../model/refuse.ts";
import { type Check, fine, limited, notChecked, problem, type Sight, warning } from "../finding.ts";
import type { RecordFacts, SeenHost, SeenInfo } from "../facts.ts";
import { groups } from "../groups.ts";
import { counted, difference, hostName, serviceName, skeleton, some } from "../names.ts";

/** Whether each record can be read and used. */
export const malformed: Check<RecordFacts> = {
  name: "malformed",
  title: "Records",
  look: ({ hosts, infos, more }) => {
    const sights = [
      ...infos.flatMap((info) => faultsOf(info, `info of ${serviceName(info.service)}`)),
      ...hosts.flatMap((host) => faultsOf(host, hostName(host))),
    ];
    if (more) sights.push(notChecked("there are more records than are looked at; name a service"));
    if (sights.length > 0) return limited(sights);
    return [
      fine(
        `${counted(hosts.length, "host")} and ${counted(infos.length, "info")}, all of them in good form`,
      ),
    ];
  },
};

function faultsOf({ faults, oddities }: SeenHost | SeenInfo, where: string): Sight[] {
  const sights: Sight[] = [];
  if (faults.length > 0) {
    const remedy =
      "Whoever writes it is to mend it. If nobody does any more: etcd-discovery deregister.";
    sights.push(problem(faults.join("; "), { where, remedy }));
  }
  if (oddities.length > 0) {
    const remedy = "The key counts. Was it copied by hand?";
    sights.push(warning(oddities.join("; "), { where, remedy }));
  }
  return sights;
}

/** Whether anything else lies where records are. */
export const strangers: Check<RecordFacts> = {
  name: "strangers",
  title: "Foreign keys",
  look: ({ strangers }) => {
    const remedy =
      "Nobody finds what is there. Services have names without a slash; delete what is left over (etcdctl del).";
    const sights = strangers.map(({ key, why }) => warning(why, { where: quote(key), remedy }));
    return sights.length > 0 ? limited(sights) : [fine("none among the records")];
  },
};

/** Whether services have names that people take for one another. */
export const names: Check<RecordFacts> = {
  name: "names",
  title: "Names",
  look: ({ hosts, infos }) => {
    const services = [...new Set([...infos, ...hosts].map(({ service }) => service))].sort();
    const alike = [...groups(services, skeleton).values()].filter((group) => group.length > 1);
    const sights = alike.map((group) => {
      const [one = "", other = ""] = group;
      const seen = `${some(group.map(escaped))} differ only ${difference(one, other)}`;
      const remedy =
        "Each is a service of its own, and finds nothing of the other's. Register under one name.";
      return warning(seen, { remedy });
    });
    for (const service of services) {
      if (service !== service.trim()) {
        const remedy = "Is it meant? Register under the name without.";
        const where = escaped(service);
        sights.push(warning("begins or ends in white space", { where, remedy }));
      }
    }
    return sights.length > 0
      ? limited(sights)
      : [fine(`${counted(services.length, "service")}, none like another`)];
  },
};

/** A name of which nothing remains unseen. */
function escaped(name: string): string {
  return quote(name).replace(/[^\x20-\x7e]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
