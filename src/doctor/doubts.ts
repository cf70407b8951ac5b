import { infos } from "./checks/services.ts";
import { sharedPlaces } from "./checks/duplicates.ts";
import type { LeaseFacts, RecordFacts, Records } from "./facts.ts";
import { groups } from "./groups.ts";
import { isInDoubt } from "./leases.ts";

/** What may only have been seen in passing, as while a password is rotated or a process restarts. */
export interface Doubts {
  readonly services: readonly string[];
  readonly leases: readonly bigint[];
}

/** What is worth a second look. */
export function doubtsAbout(facts: RecordFacts): Doubts {
  const hosts = groups(facts.hosts, ({ service }) => service);
  const infosOf = groups(facts.infos, ({ service }) => service);
  const services = [...new Set([...hosts.keys(), ...infosOf.keys()])].filter((service) => {
    const part = { hosts: hosts.get(service) ?? [], infos: infosOf.get(service) ?? [] };
    return infos.look({ ...facts, ...part }).some(({ level }) => level !== "ok");
  });
  const twice = sharedPlaces(facts.hosts).flatMap((group) =>
    [...groups(group, ({ host }) => host.service).values()].filter((of) => of.length > 1),
  );
  const shared = twice.flat().map(({ host }) => host);
  const looks = facts.leases?.told === true ? facts.leases.value.first : new Map<bigint, never>();
  const low = [...looks].flatMap(([lease, look]) => (isInDoubt(look) ? lease : []));
  const ofShared = shared.flatMap(({ life }) =>
    life.by === "lease" && looks.has(life.lease) ? life.lease : [],
  );
  return {
    services: [...new Set([...services, ...shared.map(({ service }) => service)])],
    leases: [...new Set([...low, ...ofShared])],
  };
}

/** The records, those of some services as they were seen later. */
export function replaced<R extends Records>(
  records: R,
  services: readonly string[],
  later: Records,
): R {
  const seenAgain = new Set(services);
  const keep = ({ service }: { readonly service: string }): boolean => !seenAgain.has(service);
  return {
    ...records,
    hosts: [...records.hosts.filter(keep), ...later.hosts].sort(byName),
    infos: [...records.infos.filter(keep), ...later.infos].sort(byName),
  };
}

/** By service, then by host, so that findings come in the same order whatever was looked at twice. */
function byName(one: Named, other: Named): number {
  const [name, otherName] = [one, other].map(({ id = "", service }) => `${service}/${id}`);
  return (name ?? "") < (otherName ?? "") ? -1 : 1;
}

interface Named {
  readonly service: string;
  readonly id?: string;
}

/** The leases that hosts live by. */
export function leasesOf({ hosts }: Pick<Records, "hosts">): bigint[] {
  const leases = hosts.flatMap(({ life }) => (life.by === "lease" ? life.lease : []));
  return [...new Set(leases)];
}

/** No lease was looked at twice. */
export function firstLooks(first: LeaseFacts["first"], unseen: number): LeaseFacts {
  return { first, second: new Map(), unseen };
}
