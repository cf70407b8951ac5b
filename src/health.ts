import { systemClock } from "./async/clock.ts";
import { type DiscoveryErrorCode, isDiscoveryError } from "./errors.ts";
import type { Freshness } from "./find/freshness.ts";
import type { Mirror } from "./find/mirror.ts";
import type { Entry } from "./register/entry.ts";
import type { RegistrationState } from "./register/registration-state.ts";
import type { Session, Store } from "./store/store.ts";

/**
 * How a `Discovery` stands at one moment: plain, frozen data without secrets, fit for
 * `JSON.stringify`. Times are whole milliseconds.
 */
export interface Health {
  readonly etcd: EtcdHealth;

  /** What all registrations live by; undefined while there is none. */
  readonly lease: LeaseHealth | undefined;

  /** One for each registration that has not ended. */
  readonly registrations: readonly RegistrationHealth[];

  /** One for each service that is followed. */
  readonly services: readonly ServiceHealth[];

  /**
   * How often this process was found to have stood still for a second or longer: its event loop was
   * blocked, or it was stopped. Counted for the whole process, where there was something to be late for.
   */
  readonly stalls: number;
}

/** The way to etcd. */
export interface EtcdHealth {
  /** The endpoint in use; undefined while none is. */
  readonly endpoint: string | undefined;

  /** How long ago anything last came from etcd: seconds at most while anything is registered or followed. Undefined: nothing has come yet. */
  readonly lastAnswerMs: number | undefined;

  /** The newest revision that etcd has told of; 0: none yet. */
  readonly revision: number;

  /** Why no endpoint is in use, if that is known. */
  readonly lastError: HealthError | undefined;
}

/** The lease. */
export interface LeaseHealth {
  /** What etcd granted. */
  readonly ttlSeconds: number;

  /** How long it lives for certain without another answer from etcd; 0: nobody knows whether it still does. */
  readonly remainingMs: number;
}

/** One registration. */
export interface RegistrationHealth {
  readonly service: string;
  readonly uuid: string;
  readonly state: RegistrationState;

  /** How many changes of its record, or of its service's info, etcd never told of and the comparison every few minutes found. */
  readonly driftRepaired: number;

  /** Why it is not registered, if that is so and the reason is known. */
  readonly lastError: HealthError | undefined;
}

/** One service that is followed. */
export interface ServiceHealth extends Freshness {
  readonly service: string;

  /** How many hosts are known. */
  readonly hosts: number;

  /** How often it was listed again because its changes could not be followed without a gap. */
  readonly resyncs: number;

  /** How many changes etcd never told of and the comparison every few minutes found. */
  readonly driftRepaired: number;

  /** Why it cannot be read or followed now, if that is so. */
  readonly lastError: HealthError | undefined;
}

/** What an error comes down to. */
export interface HealthError {
  readonly code: DiscoveryErrorCode;
  readonly message: string;
}

/** What the parts of a `Discovery` know of themselves, put together without asking anybody. */
export function healthOf(parts: {
  readonly store: Store;
  readonly session: Session | undefined;
  readonly entries: Iterable<Entry>;
  readonly mirrors: Iterable<Mirror>;
}): Health {
  const { store, session, entries, mirrors } = parts;
  return Object.freeze({
    etcd: etcdHealth(store),
    lease: session && leaseHealth(session),
    registrations: Object.freeze(Array.from(entries, registrationHealth)),
    services: Object.freeze(Array.from(mirrors, serviceHealth)),
    stalls: systemClock.stalls,
  });
}

function etcdHealth(store: Store): EtcdHealth {
  const { answeredAt, endpoint, failure, revision } = store.status();
  return Object.freeze({
    endpoint,
    lastAnswerMs: answeredAt === undefined ? undefined : Math.round(store.clock.now() - answeredAt),
    revision,
    lastError: healthError(failure),
  });
}

function leaseHealth({ remainingMs, ttlSeconds }: Session): LeaseHealth {
  return Object.freeze({ ttlSeconds, remainingMs: Math.round(remainingMs) });
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
