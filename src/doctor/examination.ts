import { rights, signingIn } from "./checks/access.ts";
import { apis } from "./checks/apis.ts";
import { certificates } from "./checks/certificates.ts";
import { clock } from "./checks/clock.ts";
import { duplicates } from "./checks/duplicates.ts";
import { latency } from "./checks/latency.ts";
import { keepAlive, lifetime } from "./checks/leases.ts";
import { localAddresses } from "./checks/local-addresses.ts";
import { leader, members } from "./checks/members.ts";
import { reaching } from "./checks/reaching.ts";
import { malformed, names, strangers } from "./checks/records.ts";
import { infos, services } from "./checks/services.ts";
import { alarms, space } from "./checks/space.ts";
import { versions } from "./checks/versions.ts";
import type { AccessFacts, ApiFacts, ClusterFacts, ReachFacts, RecordFacts } from "./facts.ts";
import { type Check, examine, type Finding, problem, unexamined } from "./finding.ts";
import { accessFacts, type Subject } from "./gather/access.ts";
import { Clients } from "./gather/clients.ts";
import { memberCount } from "./gather/member-count.ts";
import { reachFacts } from "./gather/reach.ts";
import { apiFacts, recordFacts } from "./gather/records.ts";
import { outsideBecause } from "./outside.ts";
import { ask, type Limits, untold } from "./told.ts";

const reachChecks: readonly Check<ReachFacts>[] = [reaching, certificates, latency, clock];
const clusterChecks: readonly Check<ClusterFacts>[] = [versions, members, leader, alarms, space];
const accessChecks: readonly Check<AccessFacts>[] = [signingIn, rights];
const apiChecks: readonly Check<ApiFacts>[] = [apis];
const recordChecks: readonly Check<RecordFacts>[] = [
  malformed,
  strangers,
  names,
  duplicates,
  infos,
  services,
  localAddresses,
  lifetime,
  keepAlive,
];

/** What was found in one respect. */
export interface Section {
  readonly title: string;
  readonly findings: readonly Finding[];
}

/**
 * Looks for whatever may be wrong with etcd, with our access to it, and with the records on it. Changes
 * nothing there, but for a lease that is given back at once. Never rejects: what cannot be looked at is
 * among the findings.
 */
export async function* examination(subject: Subject, limits: Limits): AsyncGenerator<Section> {
  const { connection } = subject;
  const { api } = connection;
  const reach = await reachFacts(connection, limits);
  const { endpoints } = reach;
  yield { title: "Endpoints", findings: examine(reachChecks, reach) };
  const isReached = endpoints.some(({ http, member }) => (api === 3 ? member.told : http.told));
  const clients = new Clients(connection, endpoints);
  try {
    const members = await ask(limits, (within) => memberCount(clients, within));
    yield {
      title: "Cluster",
      findings: endpoints.some(({ http, member }) => http.told || member.told)
        ? examine(clusterChecks, { api, endpoints, members })
        : unexamined(clusterChecks, unreached),
    };
    if (!isReached) {
      yield { title: "Access", findings: unexamined(accessChecks, unreached) };
      yield { title: "Records", findings: unexamined([...apiChecks, ...recordChecks], unreached) };
      return;
    }
    const access = await accessFacts(clients, subject, limits);
    yield { title: "Access", findings: examine(accessChecks, access) };
    yield {
      title: "Records",
      findings: await recordFindings(clients, subject, access, reach, limits),
    };
  } finally {
    await clients.close();
  }
}

const unreached = "no endpoint answers";

async function recordFindings(
  clients: Clients,
  subject: Subject,
  { rights, signIn }: AccessFacts,
  { endpoints }: ReachFacts,
  limits: Limits,
): Promise<Finding[]> {
  const denied = rights.find(
    ({ answer, kind }) => kind === "read" && answer.told && !answer.value.granted,
  );
  const why = outsideBecause(signIn) ?? (denied && `reading ${denied.key} is denied`);
  const records =
    why === undefined ? await recordFacts(clients, subject, limits) : untold(new Error(why));
  const apis = await apiFacts(clients, subject, records, versionOf(endpoints), limits);
  return [
    ...examine(apiChecks, apis),
    ...(records.told
      ? examine(recordChecks, records.value)
      : unread(records.why, why === undefined)),
  ];
}

/** @param unexplained whether nothing that was found before explains it */
function unread(why: string, unexplained: boolean): Finding[] {
  const findings = unexamined(recordChecks, why);
  const remedy =
    "Try a longer --timeout, or name a service: etcd-discovery doctor SERVICE… looks at less.";
  const sight = problem(`they could not be read: ${why}`, { remedy });
  return unexplained
    ? findings.map((finding, index) => (index === 0 ? { ...finding, ...sight } : finding))
    : findings;
}

function versionOf(endpoints: ReachFacts["endpoints"]): string | undefined {
  const versions = endpoints.flatMap(({ http, member }) => {
    const version = member.told ? member.value.version : http.told && http.value.version;
    return version || [];
  });
  return versions[0];
}
