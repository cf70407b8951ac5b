import { systemClock } from "./async/clock.ts";
import { isDiscoveryError } from "./errors.ts";
import type { Mirror } from "./find/mirror.ts";
import type { Mirrors } from "./find/mirrors.ts";
import type {
  EtcdHealth,
  Health,
  HealthError,
  LeaseHealth,
  RegistrationHealth,
  ServiceHealth,
} from "./health.ts";
import type { Entry } from "./register/entry.ts";
import type { Registrar } from "./register/registrar.ts";
import type { Reporter } from "./reporter.ts";
import type { Store } from "./store/store.ts";

/** What the parts of a `Discovery` know of themselves, put together without asking anybody. */
export function healthOf(parts: {
  readonly api: 2 | 3 | undefined;
  readonly store: Store;
  readonly registrar: Pick<Registrar, "entries" | "session" | "sessionAgeMs">;
  readonly mirrors: Pick<Mirrors, "all" | "poolFigures">;
  readonly report: Pick<Reporter, "totals">;
}): Health {
  const { api, store, registrar, mirrors, report } = parts;
  return Object.freeze({
    etcd: etcdHealth(store, api),
    lease: leaseHealth(registrar),
    registrations: Object.freeze(Array.from(registrar.entries, registrationHealth)),
    services: Object.freeze(Array.from(mirrors.all, serviceHealth)),
    pools: Object.freeze(mirrors.poolFigures.map((figures) => Object.freeze(figures))),
    totals: report.totals,
    stalls: systemClock.stalls,
  });
}

function etcdHealth(store: Store, api: 2 | 3 | undefined): EtcdHealth {
  const { answeredAt, endpoint, failure, revision } = store.status();
  return Object.freeze({
    api,
    endpoint,
    lastAnswerMs: answeredAt === undefined ? undefined : Math.round(store.clock.now() - answeredAt),
    revision,
    lastError: healthError(failure),
  });
}

function leaseHealth({
  session,
  sessionAgeMs,
}: Pick<Registrar, "session" | "sessionAgeMs">): LeaseHealth | undefined {
  if (session === undefined) return undefined;
  const { remainingMs, ttlSeconds } = session;
  const ageMs = Math.round(sessionAgeMs);
  return Object.freeze({ ttlSeconds, remainingMs: Math.round(remainingMs), ageMs });
}

function registrationHealth(entry: Entry): RegistrationHealth {
  const { driftRepaired, lastError, service, state, uuid } = entry;
  return Object.freeze({ service, uuid, state, driftRepaired, lastError: healthError(lastError) });
}

function serviceHealth(mirror: Mirror): ServiceHealth {
  const { driftRepaired, failure, freshness, hosts, resyncs, service } = mirror;
  return Object.freeze({
    service,
    ...freshness,
    ageMs: Math.round(freshness.ageMs),
    hosts: hosts.length,
    resyncs,
    driftRepaired,
    lastError: healthError(failure),
  });
}

function healthError(error: Error | undefined): HealthError | undefined {
  if (error === undefined) return undefined;
  const code = isDiscoveryError(error) ? error.code : "UNAVAILABLE";
  return Object.freeze({ code, message: error.message });
}
