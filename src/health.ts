import type { DiscoveryErrorCode } from "./errors.ts";
import type { ResyncReason } from "./find/find-report.ts";
import type { Freshness } from "./find/freshness.ts";
import type { PoolFigures } from "./find/live/pool-totals.ts";
import type { RegistrationState } from "./register/registration-state.ts";

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

  /** One for each service that has live pools, or had some. */
  readonly pools: readonly PoolFigures[];

  /** What happened since the `Discovery` was made, of what is gone by now, too. Never becomes less. */
  readonly totals: HealthTotals;

  /**
   * How often this process was found to have stood still for a second or longer: its event loop was
   * blocked, or it was stopped. Counted for the whole process, where there was something to be late for.
   */
  readonly stalls: number;
}

/** What has happened so far. */
export interface HealthTotals {
  /** How often services that are followed were listed again, by reason. */
  readonly resyncs: Readonly<Record<ResyncReason, number>>;

  /** How many changes comparisons have found that etcd never told of, of what is followed and of own records. */
  readonly driftRepaired: number;
}

/** The way to etcd. */
export interface EtcdHealth {
  /** The API that is spoken; undefined with a `store` of your own. */
  readonly api: 2 | 3 | undefined;

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

  /**
   * How long it lives without another answer from etcd; 0: nobody knows whether it still does. (While most
   * endpoints say that etcd has no leader it does not run out, for one more TTL: only a leader ends leases.)
   */
  readonly remainingMs: number;

  /** How long ago it was granted: it becomes 0 when another one had to be asked for. */
  readonly ageMs: number;
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
