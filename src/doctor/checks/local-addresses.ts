import { localAddressKind } from "../../model/hostname.ts";
import { type Check, fine, limited, problem, type Sight, warning } from "../finding.ts";
import type { RecordFacts, SeenHost } from "../facts.ts";
import { hostName } from "../names.ts";

/** Whether hosts are at addresses that lead nobody else to them. */
export const localAddresses: Check<RecordFacts> = {
  name: "local-addresses",
  title: "Reach",
  look: ({ hosts, onlyLocal }) => {
    const sights = hosts.flatMap((host) => ofHost(host, onlyLocal));
    return sights.length > 0
      ? limited(sights)
      : [fine("no host is at a loopback address, or the like")];
  },
};

function ofHost(host: SeenHost, onlyLocal: boolean): Sight[] {
  const { record } = host;
  if (record === undefined) return [];
  const faces = new Set([record.hostname, record.privateHostname]);
  const kinds = new Set(Array.from(faces, localAddressKind));
  kinds.delete(undefined);
  if (kinds.size === 0) return [];
  const seen = `it is at ${[...kinds].join(" and ")} address`;
  const where = hostName(host);
  if (onlyLocal) {
    const remedy = "Fine as long as everybody runs on this one machine, as etcd does.";
    return [warning(seen, { where, remedy })];
  }
  const remedy =
    "Others who go there come to themselves. Register under a name or address that leads to the machine (privateHostname, HOSTNAME).";
  return [problem(seen, { where, remedy })];
}
