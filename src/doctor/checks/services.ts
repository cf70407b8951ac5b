import { type Check, fine, limited, problem, type Sight, warning } from "../finding.ts";
import type { RecordFacts, SeenHost, SeenInfo } from "../facts.ts";
import { groups } from "../groups.ts";
import { counted, serviceName, some } from "../names.ts";
import { quote } from "../../model/refuse.ts";

/** Whether each service has hosts, above all the critical ones. */
export const services: Check<RecordFacts> = {
  name: "services",
  title: "Services",
  look: ({ hosts, infos }) => {
    const alive = new Set(hosts.map(({ service }) => service));
    const empty = infos.filter(({ service }) => !alive.has(service));
    const critical = empty.filter(({ record }) => record?.critical === true);
    const remedy = "Nobody serves it. Are its processes running, and do they reach etcd?";
    const sights = critical.map(({ service }) =>
      problem("it is critical, and has no host", { where: serviceName(service), remedy }),
    );
    const idle = empty.filter(({ record }) => record?.critical !== true);
    const also = idle.length === 0 ? "" : `; without a host, and not critical: ${listed(idle)}`;
    return [...limited(sights), fine(`${counted(alive.size, "service")} with hosts${also}`)];
  },
};

/** Whether public hosts and what their service says of them agree. */
export const infos: Check<RecordFacts> = {
  name: "infos",
  title: "Infos",
  look: ({ hosts, infos }) => {
    const byService = groups(hosts, ({ service }) => service);
    const sights = infos.flatMap((info) => ofService(info, byService.get(info.service) ?? []));
    const known = new Set(infos.map(({ service }) => service));
    for (const service of byService.keys()) {
      if (known.has(service)) continue;
      const remedy = "Its owner writes one again within minutes, if that is a process that lives.";
      sights.push(warning("it has hosts, and no info", { where: serviceName(service), remedy }));
    }
    return sights.length > 0
      ? limited(sights)
      : [fine("each agrees with the hosts of its service")];
  },
};

function ofService({ record: info, service }: SeenInfo, hosts: readonly SeenHost[]): Sight[] {
  const publics = hosts.filter(({ record }) => record?.public === true);
  if (info === undefined || publics.length === 0) return [];
  const where = serviceName(service);
  if (!info.public) {
    const remedy = "It is written anew when a public host registers, or repairs its record.";
    return [warning("it has public hosts, and an info that is private", { where, remedy })];
  }
  const sights: Sight[] = [];
  if (!publics.some(({ record }) => record?.hostname === info.hostname)) {
    const remedy =
      "URLs are made of a host instead. Register a public host again, so that it writes the info.";
    sights.push(warning("the hostname of its info is that of no public host", { where, remedy }));
  }
  const others = publics.filter(
    ({ record }) => record?.user !== info.user || record.password !== info.password,
  );
  if (others.length > 0) {
    const ids = some(others.map(({ id }) => quote(id)));
    const seen = `the credentials of its info and of ${others.length} of ${publics.length} public hosts differ: ${ids}`;
    const remedy =
      "Hosts take over what the info has. These do not: are they alive? etcd-discovery rotate gives all of them new ones.";
    sights.push(problem(seen, { where, remedy }));
  }
  return sights;
}

function listed(infos: readonly SeenInfo[]): string {
  return some(infos.map(({ service }) => quote(service)));
}
