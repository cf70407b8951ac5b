import type { HostRecord } from "../../model/record.ts";
import { type Check, fine, limited, problem, type Sight, warning } from "../finding.ts";
import type { RecordFacts, SeenHost } from "../facts.ts";
import { groups } from "../groups.ts";
import { isFading } from "../leases.ts";
import { serviceName, some } from "../names.ts";
import { quote } from "../../model/refuse.ts";

/** A host at one of its addresses. */
export interface Place {
  readonly address: string;
  readonly host: SeenHost;
}

/** Whether several hosts have the same address. */
export const duplicates: Check<RecordFacts> = {
  name: "duplicates",
  title: "Addresses",
  look: ({ hosts, leases }) => {
    const sights: Sight[] = [];
    for (const group of sharedPlaces(hosts)) {
      const [first] = group;
      if (first === undefined) continue;
      const byService = groups(group, ({ host }) => host.service);
      for (const [service, of] of byService) {
        if (of.length === 1) continue;
        const fading = of.some(({ host }) => leases?.told === true && isFading(host, leases.value));
        sights.push(ofOneService(service, of, fading));
      }
      if (byService.size > 1) {
        const services = some([...byService.keys()].map(quote));
        const remedy =
          "Fine if one program serves all of them; else one of them is at another address.";
        sights.push(warning(`it is that of ${services}`, { where: first.address, remedy }));
      }
    }
    return sights.length > 0 ? limited(sights) : [fine("each host has its own")];
  },
};

/** Hosts that have the same address. Those that share several ports are told of once. */
export function sharedPlaces(hosts: readonly SeenHost[]): (readonly Place[])[] {
  const byAddress = groups(hosts.flatMap(placesOf), ({ address }) => address);
  const shared = [...byAddress.values()].filter((group) => group.length > 1);
  const byHosts = groups(shared, (group) =>
    group.map(({ host }) => `${host.service}/${host.id}`).join("\n"),
  );
  return [...byHosts.values()].flatMap(([group]) => (group === undefined ? [] : [group]));
}

function ofOneService(service: string, of: readonly Place[], fading: boolean): Sight {
  const ids = some(of.map(({ host }) => quote(host.id)));
  const where = `${of[0]?.address} of ${serviceName(service)}`;
  const seen = `it is that of ${of.length} hosts: ${ids}`;
  if (fading) {
    const remedy = "One of them is not kept alive any more, as after a crash: it goes by itself.";
    return warning(seen, { where, remedy });
  }
  const remedy =
    "Does a process register twice, or do two claim one address? Give each its own privateHostname, or end one of them.";
  return problem(seen, { where, remedy });
}

/** Where a host itself is: its public name may be that of something in front of many. */
function placesOf(host: SeenHost): Place[] {
  if (host.record === undefined || host.faults.length > 0) return [];
  const [hostname, ports] = ownFace(host.record);
  const numbers = new Set(Object.values(ports));
  return Array.from(numbers, (port) => ({ address: `${bracketed(hostname)}:${port}`, host }));
}

function ownFace(record: HostRecord): [hostname: string, ports: Readonly<Record<string, string>>] {
  if (record.privateHostname === "") return [record.hostname, record.ports];
  const hasPorts = Object.keys(record.privatePorts).length > 0;
  return [record.privateHostname, hasPorts ? record.privatePorts : record.ports];
}

function bracketed(hostname: string): string {
  return hostname.includes(":") ? `[${hostname.toLowerCase()}]` : hostname.toLowerCase();
}
