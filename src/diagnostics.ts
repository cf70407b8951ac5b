import { channel } from "node:diagnostics_channel";
import type { DiscoveryError } from "./errors.ts";
import type { ResyncReason } from "./find/find-report.ts";
import type { RegistrationState } from "./register/registration-state.ts";
import type { RpcCode } from "./store/etcd/rpc-report.ts";

/** A record on etcd that was skipped because it cannot be read. Never carries what is in it. */
export interface MalformedRecord {
  readonly service: string;
  readonly kind: "host" | "info";

  /** The host's uuid; for an info, the service's name. */
  readonly id: string;

  /** Why: `MALFORMED_RECORD`. */
  readonly error: DiscoveryError;
}

/** What all other events have in common. Each is a frozen object of its own, without passwords and without what records hold. */
export interface DiagnosticsEvent {
  /** Whose it is: the `id` of a `Discovery`. */
  readonly discovery: string;
}

/** A request to etcd is over. One that was sent again, or to another endpoint, is told each time. */
export interface RpcEvent extends DiagnosticsEvent {
  /** One of a few: `KV/Range`, `KV/Txn`, `Lease/LeaseGrant`, `Watch/Watch`, …; by API 2 `Keys/Get`, `Keys/Put`, `Keys/Delete`, `Keys/Watch`, `Members/Leader`. */
  readonly method: string;

  /** How it ended; answers by HTTP are told in the words of gRPC, too, such as `NOT_FOUND` for 404. */
  readonly code: RpcCode;

  /** From the moment it was asked for, so that connecting counts, to its end. */
  readonly durationMs: number;

  /** Which member was asked, such as `http://10.0.0.1:2379`. */
  readonly endpoint: string;

  /** Whether it is one that lasts, such as a watch: told when it ends, but not if we end it. */
  readonly stream: boolean;
}

/** The state of a registration has changed. One that is `lost` because this process stood still is told when that is noticed. */
export interface RegistrationEvent extends DiagnosticsEvent {
  readonly service: string;
  readonly uuid: string;
  readonly state: RegistrationState;

  /** Undefined when it has just been made. */
  readonly previous: RegistrationState | undefined;

  /** Why it is not registered, as far as that is known. */
  readonly error: DiscoveryError | undefined;
}

/** The lease that registrations live by. */
export interface LeaseEvent extends DiagnosticsEvent {
  /** `granted`: there is one, or another one; `lost`: it has ended, and what lived by it is being put back. */
  readonly type: "granted" | "lost";

  /** What etcd granted. */
  readonly ttlSeconds: number;

  /** Why it was lost. */
  readonly error: Error | undefined;
}

/** A service that is followed was listed again, as its changes could not be followed without a gap. */
export interface ResyncEvent extends DiagnosticsEvent {
  readonly service: string;
  readonly reason: ResyncReason;
}

/** A comparison, as comes every few minutes, has found what etcd had changed without a word. */
export interface DriftEvent extends DiagnosticsEvent {
  readonly service: string;

  /** What was compared: what is followed, or the records of own registrations. */
  readonly of: "followed" | "registered";

  /** How many records were otherwise. */
  readonly changes: number;
}

/** A live pool leaves a host alone, or uses it again. */
export interface EjectionEvent extends DiagnosticsEvent {
  readonly service: string;
  readonly uuid: string;

  /** `ejected`: it failed, and is left alone; `trial`: its time is over, and the next use decides; `recovered`: it works again. */
  readonly type: "ejected" | "trial" | "recovered";

  /** Of one that is ejected: how often it failed in a row. */
  readonly failures: number | undefined;

  /** Of one that is ejected: for how long it is left alone, in milliseconds. */
  readonly forMs: number | undefined;
}

/** What is published by `node:diagnostics_channel`, by the names of the channels. */
export interface DiagnosticsChannels {
  "etcd-discovery:malformed-record": MalformedRecord;
  "etcd-discovery:rpc": RpcEvent;
  "etcd-discovery:registration": RegistrationEvent;
  "etcd-discovery:lease": LeaseEvent;
  "etcd-discovery:resync": ResyncEvent;
  "etcd-discovery:drift": DriftEvent;
  "etcd-discovery:ejection": EjectionEvent;
}

/** A channel of these that knows what is published on it. */
export interface TypedChannel<Event> {
  /** To be asked before an event is made. */
  readonly hasSubscribers: boolean;
  publish(event: Event): void;
}

/** One of the channels. */
export function diagnosticsChannel<Name extends keyof DiagnosticsChannels>(
  name: Name,
): TypedChannel<DiagnosticsChannels[Name]> {
  return channel(name);
}
