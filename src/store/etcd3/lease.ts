import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { CancelTimer } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import { DiscoveryError } from "../../errors.ts";
import type { CallOptions, HostName, Session } from "../store.ts";
import type { Client } from "./client.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";
import { KeepAliveStream } from "./keep-alive-stream.ts";
import * as methods from "./methods.ts";
import { mayRevokeAsOldLeader } from "./old-leader.ts";
import { discoveryError } from "./status.ts";

/** Whoever notices the end of a lease this late was held up himself. */
const stallMs = 1_000;

/** A lease on etcd, kept alive until etcd says that it is gone or its time has run out. */
export class EtcdSession implements Session {
  readonly client: Client;
  readonly lease: bigint;
  readonly ttlSeconds: number;
  readonly ended: AbortSignal;
  readonly outdated: AbortSignal;
  readonly #end = new AbortController();
  readonly #outdate = new AbortController();
  readonly #stream: KeepAliveStream;
  readonly #onEnd: (session: EtcdSession) => void;
  readonly #hostOf: (key: Uint8Array) => HostName | undefined;
  #term: bigint;

  /** When it was asked for which etcd last granted its time. */
  #renewedAt = 0;
  #deadline = 0;
  #cancelDeadline: CancelTimer | undefined;
  #closing: Promise<void> | undefined;

  /**
   * @param onEnd called when the session needs no more care
   * @param hostOf whose record a key is
   */
  constructor(
    client: Client,
    granted: GrantedLease,
    onEnd: (session: EtcdSession) => void,
    hostOf: (key: Uint8Array) => HostName | undefined,
  ) {
    this.client = client;
    this.lease = granted.lease;
    this.ttlSeconds = granted.ttlSeconds;
    this.ended = this.#end.signal;
    this.outdated = this.#outdate.signal;
    this.#term = granted.term;
    this.#onEnd = onEnd;
    this.#hostOf = hostOf;
    // Each write under it listens to it.
    setMaxListeners(Infinity, this.ended);
    this.#stream = new KeepAliveStream(client, granted, {
      renewed: (sentAt, ttlSeconds, term) => {
        this.#renew(sentAt, ttlSeconds);
        void this.#judge(term);
      },
      gone: () => this.lose("etcd has ended its lease"),
      leaderless: (since) => this.#putOff(since),
    });
    this.#renew(granted.grantedAt, granted.ttlSeconds);
  }

  get remainingMs(): number {
    return this.ended.aborted ? 0 : Math.max(0, this.#deadline - this.client.clock.now());
  }

  /** It is certain that etcd has ended the lease. */
  lose(why: string): void {
    this.#finish(new DiscoveryError("UNAVAILABLE", `the session was lost: ${why}`));
  }

  /** Something happened that the lease may not have survived: asks etcd now. */
  verify(): void {
    if (!this.ended.aborted) this.#stream.askNow();
  }

  async retire(options: CallOptions): Promise<readonly HostName[]> {
    if (this.ended.aborted) return [];
    try {
      const call = { ...options, repeatable: true, linearizable: false };
      const request = { ID: this.lease, keys: true };
      const { keys, TTL } = await this.client.unary(methods.leaseTimeToLive, request, call);
      if (TTL < 0n) this.lose("etcd has ended its lease");
      const hosts = keys.flatMap((key) => this.#hostOf(key) ?? []);
      if (hosts.length > 0) return hosts;
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      // Who may not know cannot wait for it either. What it still holds is put back once it is gone.
      if (error.status !== GrpcStatus.PERMISSION_DENIED) {
        throw discoveryError(error, "tell what lives by a session");
      }
    }
    await this.close(options);
    return [];
  }

  close(options: CallOptions): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  async #close({ signal, timeoutMs }: CallOptions): Promise<void> {
    if (this.ended.aborted) return;
    this.#finish(new DiscoveryError("CLOSED", "the session was closed"));
    await revoke(this.client, this.lease, { signal, timeoutMs });
  }

  #renew(sentAt: number, ttlSeconds: number): void {
    this.#renewedAt = sentAt;
    this.#liveFor(ttlSeconds, sentAt);
  }

  /**
   * Only a leader ends leases, and the next one begins by giving each its whole time again (etcd,
   * lease/lessor.go, `Promote`; of more than five minutes, with checkpoints, what was left). That is
   * believed for as long as the lease would live once more: the endpoints that are known may be a
   * minority, and the others have a leader.
   */
  #putOff(since: number): void {
    const ttlMs = this.ttlSeconds * 1_000;
    this.#liveFor(this.ttlSeconds, Math.min(since, this.#renewedAt + ttlMs));
  }

  #liveFor(ttlSeconds: number, from: number): void {
    this.#deadline = from + ttlSeconds * 1_000;
    this.#cancelDeadline?.();
    this.#cancelDeadline = overdue(
      this.client.clock,
      () => this.#runOut(),
      this.#deadline - this.client.clock.now(),
      false,
    );
  }

  /** Another leader may have been chosen while the one that granted the lease is asleep. */
  async #judge(term: bigint): Promise<void> {
    const known = this.#term;
    if (term === 0n || term === known) return;
    this.#term = term;
    // Terms begin anew when etcd is restored.
    if (known === 0n || term < known || this.outdated.aborted) return;
    try {
      const { ended } = this;
      const timeoutMs = (this.ttlSeconds * 1_000) / 3;
      if (!(await mayRevokeAsOldLeader(this.client, { signal: ended, timeoutMs }))) return;
      this.client.logger.debug("etcd may end a lease that its last leader knew; moving to another");
      this.#outdate.abort(
        new DiscoveryError("UNAVAILABLE", "etcd has chosen another leader since this lease began"),
      );
    } catch {
      // To be found out when it is renewed next.
      if (this.#term === term) this.#term = known;
    }
  }

  #runOut(): void {
    const now = this.client.clock.now();
    const lateMs = Math.round(now - this.#deadline);
    const silentMs = now - lateMs - this.#renewedAt;
    this.lose(
      lateMs < stallMs
        ? `etcd has not renewed its lease for ${Math.round(silentMs / 1_000)} s`
        : `its time had run out ${lateMs} ms before this process got to look`,
    );
  }

  #finish(reason: DiscoveryError): void {
    if (this.ended.aborted) return;
    this.#cancelDeadline?.();
    this.#stream.close();
    this.#onEnd(this);
    this.#end.abort(reason);
  }
}

/** An id of our own choice, so that a lease can be asked for twice, and revoked without an answer. */
export function newLeaseId(): bigint {
  const id = BigInt.asUintN(63, randomBytes(8).readBigUInt64BE());
  return id === 0n ? 1n : id;
}

/** A lease as etcd granted it. */
export interface GrantedLease {
  readonly lease: bigint;

  /** May be more than was asked for. */
  readonly ttlSeconds: number;

  /** When it was asked for, by the clock: its time cannot have begun before. */
  readonly grantedAt: number;

  /** The leader's term then; 0: not known. */
  readonly term: bigint;
}

/** Asks for a lease under an id of our own. */
export async function grant(
  client: Client,
  lease: bigint,
  ttlSeconds: number,
  options: CallOptions,
): Promise<GrantedLease> {
  let startedAt = client.clock.now();
  const onAttempt = (at: number): void => void (startedAt = at);
  const call = { ...options, repeatable: true, linearizable: false, onAttempt };
  try {
    const request = { ID: lease, TTL: BigInt(ttlSeconds) };
    const { header, TTL } = await client.unary(methods.leaseGrant, request, call);
    const term = header?.raftTerm ?? 0n;
    const granted = { lease, ttlSeconds: Number(TTL), grantedAt: startedAt, term };
    // An etcd that hung, or was starting, may have granted it long after it was asked.
    if (client.clock.now() - startedAt < (granted.ttlSeconds * 1_000) / 2) return granted;
  } catch (error) {
    // "lease already exists": an earlier attempt was carried out after all.
    const exists = error instanceof GrpcError && error.status === GrpcStatus.FAILED_PRECONDITION;
    if (!exists) throw error;
  }
  const answer = await client.unary(methods.leaseTimeToLive, { ID: lease }, call);
  const { header, TTL, grantedTTL } = answer;
  if (grantedTTL <= 0n) throw new GrpcError(GrpcStatus.NOT_FOUND, "the lease has run out already");
  // A leader that has just lost its office says that there is no end to it; the next one begins anew.
  const usedMs = Math.max(0, Number(grantedTTL - TTL) * 1_000);
  const term = header?.raftTerm ?? 0n;
  return { lease, ttlSeconds: Number(grantedTTL), grantedAt: startedAt - usedMs, term };
}

/** Ends a lease as far as etcd can be reached; never rejects. */
export async function revoke(client: Client, lease: bigint, options: CallOptions): Promise<void> {
  try {
    await client.unary(
      methods.leaseRevoke,
      { ID: lease },
      { ...options, repeatable: true, linearizable: false },
    );
  } catch (error) {
    if (error instanceof GrpcError && error.status === GrpcStatus.NOT_FOUND) return;
    client.logger.debug("a lease was not revoked: it runs out by itself", {
      error: error instanceof Error ? error.message : String(error),
    });
  }
}
