import {
  diagnosticsChannel,
  type DriftEvent,
  type EjectionEvent,
  type LeaseEvent,
  type MalformedRecord,
} from "./diagnostics.ts";
import type { FindReport, ResyncReason } from "./find/find-report.ts";
import type { HealthTotals } from "./health.ts";
import type { Host } from "./model/host.ts";
import type { RegisterReport } from "./register/register-report.ts";
import type { RegistrationState } from "./register/registration-state.ts";
import type { RpcCode, RpcReport } from "./store/etcd/rpc-report.ts";

const malformedRecords = diagnosticsChannel("etcd-discovery:malformed-record");
const rpcs = diagnosticsChannel("etcd-discovery:rpc");
const registrations = diagnosticsChannel("etcd-discovery:registration");
const leases = diagnosticsChannel("etcd-discovery:lease");
const resyncs = diagnosticsChannel("etcd-discovery:resync");
const drifts = diagnosticsChannel("etcd-discovery:drift");
const ejections = diagnosticsChannel("etcd-discovery:ejection");

/**
 * What befalls one `Discovery`: counts it where that cannot be seen later, and tells the subscribers of
 * the diagnostics channels. While nobody has subscribed nothing is made.
 */
export class Reporter implements FindReport, RegisterReport, RpcReport {
  /** What events call the `Discovery` by. */
  readonly discovery: string = crypto.randomUUID().slice(0, 8);
  readonly #resyncs = { compacted: 0, replaced: 0, refused: 0, drift: 0 };
  #driftRepaired = 0;

  /** What happened so far; frozen, as it is now. */
  get totals(): HealthTotals {
    const resyncs = Object.freeze({ ...this.#resyncs });
    return Object.freeze({ resyncs, driftRepaired: this.#driftRepaired });
  }

  malformed(record: MalformedRecord): void {
    malformedRecords.publish(record);
  }

  get rpcsWanted(): boolean {
    return rpcs.hasSubscribers;
  }

  rpcEnded(
    method: string,
    code: RpcCode,
    durationMs: number,
    endpoint: string,
    stream: boolean,
  ): void {
    if (!rpcs.hasSubscribers) return;
    rpcs.publish(
      Object.freeze({ discovery: this.discovery, method, code, durationMs, endpoint, stream }),
    );
  }

  registrationChanged(
    entry: Parameters<RegisterReport["registrationChanged"]>[0],
    state: RegistrationState,
    previous: RegistrationState | undefined,
  ): void {
    if (!registrations.hasSubscribers) return;
    const { service, uuid, lastError: error } = entry;
    registrations.publish(
      Object.freeze({ discovery: this.discovery, service, uuid, state, previous, error }),
    );
  }

  lease(type: LeaseEvent["type"], ttlSeconds: number, error?: Error): void {
    if (!leases.hasSubscribers) return;
    leases.publish(Object.freeze({ discovery: this.discovery, type, ttlSeconds, error }));
  }

  resynced(service: string, reason: ResyncReason): void {
    this.#resyncs[reason] += 1;
    if (!resyncs.hasSubscribers) return;
    resyncs.publish(Object.freeze({ discovery: this.discovery, service, reason }));
  }

  drifted(service: string, of: DriftEvent["of"], changes: number): void {
    this.#driftRepaired += changes;
    if (!drifts.hasSubscribers) return;
    drifts.publish(Object.freeze({ discovery: this.discovery, service, of, changes }));
  }

  ejection(
    service: string,
    { uuid }: Host,
    type: EjectionEvent["type"],
    failures?: number,
    forMs?: number,
  ): void {
    if (!ejections.hasSubscribers) return;
    ejections.publish(
      Object.freeze({ discovery: this.discovery, service, uuid, type, failures, forMs }),
    );
  }
}
