import { delay } from "../../async/abort.ts";
import { systemClock } from "../../async/clock.ts";
import { isLoopback } from "../addresses.ts";
import { doubtsAbout, firstLooks, leasesOf, replaced } from "../doubts.ts";
import type { ApiFacts, LeaseFacts, RecordFacts, Records } from "../facts.ts";
import { ask, type Limits, type Told } from "../told.ts";
import type { Subject } from "./access.ts";
import type { Clients } from "./clients.ts";
import { count2, records2 } from "./etcd2.ts";
import { lookAtLeases, mostLeases } from "./leases.ts";
import { count3, records3 } from "./records3.ts";
import { territories } from "./rights.ts";

/** How long to wait before what may have been in passing is looked at again. */
const pauseMs = 1_500;

/** How many services are looked at twice. */
const mostServices = 50;

/** All records, with a second look at what was in doubt. */
export async function recordFacts(
  clients: Clients,
  { connection, services }: Subject,
  limits: Limits,
): Promise<Told<RecordFacts>> {
  const { api, endpoints, prefix } = connection;
  const read = (names: readonly string[]): Promise<Told<Records>> =>
    ask(limits, (within) =>
      api === 2
        ? records2(clients.http, prefix, names, within)
        : records3(clients.grpc, prefix, territories(prefix, names), within),
    );
  const records = await read(services);
  if (!records.told) return records;
  const leases = api === 2 ? undefined : await look(clients, leasesOf(records.value), limits);
  const onlyLocal = endpoints.every((endpoint) => isLoopback(new URL(endpoint).hostname));
  const facts = { ...records.value, api, leases, onlyLocal };
  const doubts = doubtsAbout(facts);
  if (doubts.services.length === 0 && doubts.leases.length === 0)
    return { told: true, value: facts };
  await ask({ ...limits, timeoutMs: 2 * pauseMs }, ({ signal }) =>
    delay(systemClock, pauseMs, signal),
  );
  const inDoubt = doubts.services.slice(0, mostServices);
  const later = inDoubt.length === 0 ? undefined : await read(inDoubt);
  const again = doubts.leases.length === 0 ? undefined : await look(clients, doubts.leases, limits);
  return {
    told: true,
    value: {
      ...(later?.told === true ? replaced(facts, inDoubt, later.value) : facts),
      leases: twice(leases, again),
    },
  };
}

/** How many records each API has. */
export async function apiFacts(
  clients: Clients,
  { connection, services }: Subject,
  records: Told<RecordFacts>,
  version: string | undefined,
  limits: Limits,
): Promise<ApiFacts> {
  const { api, prefix } = connection;
  const own: Told<number> = records.told ? { told: true, value: countOf(records.value) } : records;
  if (api === 2) {
    const places = territories(prefix, services);
    const v2 = await ask(limits, (within) => count2(clients.http, prefix, services, within));
    const v3 = await ask(limits, (within) => count3(clients.grpc, places, within));
    return { api, version, v2, v3 };
  }
  const v2 = await ask(limits, (within) => count2(clients.http, prefix, services, within));
  return { api, version, v2, v3: own };
}

function countOf({ hosts, infos, strangers }: Records): number {
  return hosts.length + infos.length + strangers.length;
}

async function look(
  clients: Clients,
  leases: readonly bigint[],
  limits: Limits,
): Promise<Told<LeaseFacts>> {
  const some = leases.slice(0, mostLeases);
  const looks = await ask(limits, (within) => lookAtLeases(clients.grpc, some, within));
  if (!looks.told) return looks;
  return { told: true, value: firstLooks(looks.value, leases.length - some.length) };
}

/** The first looks, and those of the leases that were looked at again. */
function twice(
  leases: Told<LeaseFacts> | undefined,
  again: Told<LeaseFacts> | undefined,
): Told<LeaseFacts> | undefined {
  if (leases?.told !== true || again === undefined) return leases;
  if (!again.told) return again;
  return { told: true, value: { ...leases.value, second: again.value.first } };
}
