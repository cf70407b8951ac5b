import {
  isHostId,
  isServiceName,
  hostsPrefix,
  infosPrefix,
  servicesPrefix,
} from "../model/keys.ts";
import { decodeHost, decodeInfo } from "../model/record.ts";
import type { Life, Records, SeenHost, SeenInfo, Stranger } from "./facts.ts";
import { hostFaults, infoFaults, namesIn } from "./faults.ts";

/** A key of etcd, whatever its API. */
export interface RawKey {
  /** Undefined: it is no text. */
  readonly key: string | undefined;
  readonly value: Uint8Array;
  readonly life: Life;
}

/** Sorts keys into hosts, infos and what is neither. */
export function recordsIn(prefix: string, keys: Iterable<RawKey>, more: boolean): Records {
  const hosts: SeenHost[] = [];
  const infos: SeenInfo[] = [];
  const strangers: Stranger[] = [];
  const services = servicesPrefix(prefix);
  const infosAt = infosPrefix(prefix);
  for (const { key, value, life } of keys) {
    const stranger = (why: string): void => {
      strangers.push({ key: key ?? "(its name is no UTF-8)", why });
    };
    if (key === undefined) stranger("its name is no UTF-8");
    else if (key.startsWith(services)) {
      const [service = "", id, ...deeper] = key.slice(services.length).split("/");
      if (!isServiceName(service)) stranger("it has no service's name");
      else if (id === undefined || id === "") stranger("it ends where a host's id is due");
      else if (deeper.length > 0) stranger(tooDeep(key, hostsPrefix(prefix, service), service));
      else if (!isHostId(id)) stranger("it has no host's id");
      else hosts.push(seenHost(service, id, value, life));
    } else if (key.startsWith(infosAt)) {
      const service = key.slice(infosAt.length);
      if (service.includes("/")) stranger("it lies deeper than the info of a service");
      else if (!isServiceName(service)) stranger("it has no service's name");
      else infos.push(seenInfo(service, value));
    }
  }
  return { hosts, infos, strangers, more };
}

/** Whoever takes a path for a service's name writes such keys. */
function tooDeep(key: string, hosts: string, service: string): string {
  const name = `${service}/${key.slice(hosts.length, key.lastIndexOf("/"))}`;
  return `it lies deeper than the hosts of ${JSON.stringify(service)}, as if a service were called ${JSON.stringify(name)}`;
}

function seenHost(service: string, id: string, value: Uint8Array, life: Life): SeenHost {
  const oddities = differences({ uuid: id, service_name: service }, value);
  try {
    const record = decodeHost(value, service, id);
    return { service, id, record, faults: hostFaults(record), oddities, life };
  } catch (error) {
    return { service, id, record: undefined, faults: [faultOf(error)], oddities: [], life };
  }
}

function seenInfo(service: string, value: Uint8Array): SeenInfo {
  const oddities = differences({ name: service }, value);
  try {
    const record = decodeInfo(value, service);
    return { service, record, faults: infoFaults(record), oddities };
  } catch (error) {
    return { service, record: undefined, faults: [faultOf(error)], oddities: [] };
  }
}

/** What a record says of itself that its key does not. Only the names of its fields are told. */
function differences(expected: Readonly<Record<string, string>>, value: Uint8Array): string[] {
  const names = namesIn(value);
  return Object.entries(expected)
    .filter(([name, text]) => names.has(name) && names.get(name) !== text)
    .map(([name]) => `its ${name} is not that of its key`);
}

function faultOf(error: unknown): string {
  return (error as Error).message.replace(/^the record of .* (?=is )/, "it ");
}
