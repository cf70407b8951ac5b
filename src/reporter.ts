import { randomBytes } from "node:crypto";
import {
  diagnosticsChannel,
  type DriftEvent,
  type EjectionEvent,
  type LeaseEvent,
  type MalformedRecord,
} from "./diagnostics.ts";
import type { FindReport, ResyncReason } from "./find/find-report.ts";
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
  readonly discovery: string = randomBytes(4).toString("hex");
  readonly #resyncs = { compacted: 0, replaced: 0, refused: 0, drift: 0 };
  #driftRepaired = 0;

  /** How often services were listed again, by reason. */
  get resyncs(): Readonly<Record<ResyncReason, number>> {
    return this.#resyncs;
  }

  /** How many changes comparisons have found that the store never told of. */
  get driftRepaired(): number {
    return this.#driftRepaired;
  }

  malformed(record: MalformedRecord): void {
    if (malformedRecords.hasSubscribers) malformedRecords.publish(record);
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
    const { discovery } = this;
    rpcs.publish(Object.freeze({ discovery, method, code, durationMs, endpoint, stream }));
  }

  registrationChanged(
    entry: Parameters<RegisterReport["registrationChanged"]>[0],
    state: RegistrationState,
    previous: RegistrationState | undefined,
  ): void {
    if (!registrations.hasSubscribers) return;
    const { service, uuid, lastError: error } = entry;
    const { discovery } = this;
    registrations.publish(Object.freeze({ discovery, service, uuid, state, previous, error }));
  }

  leaseGranted(ttlSeconds: number): void {
    this.#lease("granted", ttlSeconds, undefined);
  }

  leaseLost(ttlSeconds: number, error: Error): void {
    this.#lease("lost", ttlSeconds, error);
  }

  resynced(service: string, reason: ResyncReason): void {
    this.#resyncs[reason] += 1;
    if (!resyncs.hasSubscribers) return;
    resyncs.publish(Object.freeze({ discovery: this.discovery, service, reason }));
  }

  viewDrifted(service: string, changes: number): void {
    this.#drifted(service, "followed", changes);
  }

  recordsDrifted(service: string, changes: number): void {
    this.#drifted(service, "registered", changes);
  }

  ejected(service: string, host: Host, failures: number, forMs: number): void {
    this.#ejection(service, host, "ejected", failures, forMs);
  }

  returned(service: string, host: Host, outcome: "trial" | "recovered"): void {
    this.#ejection(service, host, outcome, undefined, undefined);
  }

  #lease(type: LeaseEvent["type"], ttlSeconds: number, error: Error | undefined): void {
    if (!leases.hasSubscribers) return;
    leases.publish(Object.freeze({ discovery: this.discovery, type, ttlSeconds, error }));
  }

  #drifted(service: string, of: DriftEvent["of"], changes: number): void {
    this.#driftRepaired += changes;
    if (!drifts.hasSubscribers) return;
    drifts.publish(Object.freeze({ discovery: this.discovery, service, of, changes }));
  }

  #ejection(
    service: string,
    { uuid }: Host,
    type: EjectionEvent["type"],
    failures: number | undefined,
    forMs: number | undefined,
  ): void {
    if (!ejections.hasSubscribers) return;
    const { discovery } = this;
    ejections.publish(Object.freeze({ discovery, service, uuid, type, failures, forMs }));
  }
}
