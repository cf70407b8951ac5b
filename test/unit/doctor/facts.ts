import type {
  ClusterFacts,
  EndpointFacts,
  HttpFacts,
  LeaseFacts,
  MemberFacts,
  ReachFacts,
  RecordFacts,
  SeenHost,
} from "../../../src/doctor/facts.ts";
import type { Sight } from "../../../src/doctor/finding.ts";
import { recordsIn } from "../../../src/doctor/records.ts";
import type { Told } from "../../../src/doctor/told.ts";
import { hostJson } from "../../support/doctor.ts";

/** The time at which all of these facts were seen. */
export const now: number = Date.UTC(2026, 0, 1);

export function told<T>(value: T): Told<T> {
  return { told: true, value };
}

export function silent(why = "it is silent"): Told<never> {
  return { told: false, why, error: new Error(why) };
}

export function httpFacts(more: Partial<HttpFacts> = {}): HttpFacts {
  return {
    version: "3.5.13",
    date: now,
    askedAt: now,
    answeredAt: now,
    quotaBytes: 2 ** 31,
    ...more,
  };
}

export function memberFacts(more: Partial<MemberFacts> = {}): MemberFacts {
  return {
    clusterId: 1n,
    memberId: 2n,
    version: "3.5.13",
    sizeBytes: 2 ** 20,
    usedBytes: 2 ** 19,
    leader: 2n,
    term: 3n,
    errors: [],
    learner: false,
    latenciesMs: [1, 2, 3, 4, 5],
    ...more,
  };
}

/** An endpoint that is well. */
export function endpointFacts(more: Partial<EndpointFacts> = {}): EndpointFacts {
  return {
    address: "https://etcd.example.org:2379",
    certificate: undefined,
    http: told(httpFacts()),
    member: told(memberFacts()),
    ...more,
  };
}

export function reachFacts(more: Partial<ReachFacts> = {}): ReachFacts {
  return {
    api: 3,
    timeoutMs: 5_000,
    now,
    endpoints: [endpointFacts()],
    ourCertificate: undefined,
    hasPassword: false,
    ...more,
  };
}

export function clusterFacts(more: Partial<ClusterFacts> = {}): ClusterFacts {
  return { api: 3, endpoints: [endpointFacts()], members: told(3), ...more };
}

/** A host as it is read from these fields. */
export function seenHost(
  service: string,
  id: string,
  fields: Readonly<Record<string, unknown>> = {},
  life: SeenHost["life"] = { by: "lease", lease: 1n },
): SeenHost {
  const value = Buffer.from(hostJson(service, id, fields));
  const { hosts } = recordsIn("", [{ key: `/services/${service}/${id}`, value, life }], false);
  const [host] = hosts;
  if (host === undefined) throw new Error(`${service}/${id} is no host`);
  return host;
}

export function leaseFacts(
  first: LeaseFacts["first"],
  second: LeaseFacts["second"] = new Map(),
): LeaseFacts {
  return { first, second, unseen: 0 };
}

export function recordFacts(more: Partial<RecordFacts> = {}): RecordFacts {
  return {
    hosts: [],
    infos: [],
    strangers: [],
    more: false,
    api: 3,
    leases: told(leaseFacts(new Map())),
    onlyLocal: false,
    ...more,
  };
}

/** What was seen, each as `level where: seen`. */
export function lines(sights: readonly Sight[]): string[] {
  return sights.map(
    ({ level, seen, where }) => `${level}${where === undefined ? "" : ` ${where}`}: ${seen}`,
  );
}
