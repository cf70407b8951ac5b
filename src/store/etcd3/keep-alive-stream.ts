import { underEither } from "../../async/abort.ts";
import { Backoff } from "../../async/backoff.ts";
import type { CancelTimer } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import { anonymous } from "./authentication.ts";
import type { Endpoint } from "../etcd/endpoint.ts";
import type { Channel, Duplex, Metadata } from "./channel.ts";
import type { Client } from "./client.ts";
import type { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from "./gen/etcd.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";
import * as methods from "./methods.ts";
import { isTokenFault } from "./status.ts";

/** Told what etcd says of the lease. */
export interface KeepAliveObserver {
  /** The lease lives for so long from when it was asked for. `term` is that of etcd's leader; 0: not known. */
  renewed(sentAt: number, ttlSeconds: number, term: bigint): void;

  /** There is no such lease any more. */
  gone(): void;

  /** Most of the endpoints have said that they know no leader, the first of them when it was asked then. */
  leaderless(since: number): void;
}

/** What a member answers that knows no leader (etcd, api/v3rpc/rpctypes/error.go). */
const noLeader = "etcdserver: no leader";

/** A stream that is open, and where. */
interface OpenStream {
  readonly duplex: Duplex<LeaseKeepAliveRequest>;
  readonly endpoint: Endpoint<Channel>;
  readonly failures: number;
}

/**
 * Keeps one lease alive: asks every sixth of its time, and if no answer comes within another sixth,
 * asks the next endpoint, when two thirds of the time are left. So a lease of 5 s outlives 3.3 s in which
 * nobody answers, which is longer than etcd takes to choose a leader; asked every third of its time, as
 * clients do, it would be 2.5 s. etcd answers from memory. A stream that ends says nothing about the
 * lease; only etcd's answers do, and that there is no leader is one of them: only a leader ends leases.
 */
export class KeepAliveStream {
  readonly #client: Client;
  readonly #lease: bigint;

  /** How long between two questions, and how long to wait for an answer. */
  readonly #intervalMs: number;
  readonly #observer: KeepAliveObserver;
  readonly #backoff = new Backoff();
  readonly #closing = new AbortController();
  #stream: OpenStream | undefined;
  #opening = false;
  #sentAt: number | undefined;
  #cancelTimer: CancelTimer | undefined;

  /** The endpoints that have said so since a leader answered last, and when they were asked. */
  readonly #leaderless = new Map<Endpoint<Channel>, number>();

  constructor(
    client: Client,
    granted: {
      readonly lease: bigint;
      readonly ttlSeconds: number;
      readonly grantedAt: number;
    },
    observer: KeepAliveObserver,
  ) {
    this.#client = client;
    this.#lease = granted.lease;
    this.#intervalMs = (granted.ttlSeconds * 1_000) / 6;
    this.#observer = observer;
    this.#sleep(granted.grantedAt + this.#intervalMs - client.clock.now());
  }

  /** Asks without waiting for the next turn. */
  askNow(): void {
    if (this.#closing.signal.aborted || this.#sentAt !== undefined) return;
    this.#cancelTimer?.();
    if (this.#stream === undefined) void this.#open();
    else this.#ask(this.#stream);
  }

  close(): void {
    this.#closing.abort();
    this.#cancelTimer?.();
    this.#stream?.duplex.cancel();
    this.#stream = undefined;
  }

  #sleep(delayMs: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#client.clock.setTimeout(() => this.askNow(), delayMs);
  }

  #ask(stream: OpenStream): void {
    this.#sentAt = this.#client.clock.now();
    stream.duplex.send({ ID: this.#lease });
    this.#awaitAnswer(stream);
  }

  #awaitAnswer(stream: OpenStream): void {
    this.#cancelTimer?.();
    this.#cancelTimer = overdue(
      this.#client.clock,
      () => {
        stream.duplex.cancel();
        const message = "no answer to a keepalive in time";
        this.#ended(stream, new GrpcError(GrpcStatus.DEADLINE_EXCEEDED, message));
      },
      this.#intervalMs,
    );
  }

  /** Opens a stream wherever that is possible, and asks. */
  async #open(): Promise<void> {
    if (this.#opening) return;
    this.#opening = true;
    const { signal } = this.#closing;
    const { authentication, endpoints } = this.#client;
    try {
      const metadata = authentication.metadata ?? (await this.#signedIn(signal));
      const endpoint = await endpoints.acquire(signal);
      signal.throwIfAborted();
      this.#stream = this.#openOn(endpoint, metadata);
      this.#ask(this.#stream);
    } catch {
      // Closed.
    } finally {
      this.#opening = false;
    }
  }

  /** etcd lets anybody keep a lease alive, also one whose password it takes no longer, or nobody knows in time. */
  async #signedIn(signal: AbortSignal): Promise<Metadata> {
    const { authentication, clock } = this.#client;
    const late = new AbortController();
    const cancel = overdue(clock, () => late.abort(), this.#intervalMs);
    try {
      return await underEither([signal, late.signal], (either) => authentication.ready(either));
    } catch {
      // How it failed is told to whoever makes a call.
      signal.throwIfAborted();
      return anonymous;
    } finally {
      cancel();
    }
  }

  #openOn(endpoint: Endpoint<Channel>, metadata: Metadata): OpenStream {
    const duplex = endpoint.channel.duplex(
      methods.leaseKeepAlive,
      { connectTimeoutMs: this.#intervalMs, metadata },
      {
        // Far away, connecting takes several times as long as an answer: it has a time of its own.
        opened: () => {
          if (this.#stream === stream && this.#sentAt !== undefined) this.#awaitAnswer(stream);
        },
        message: (message) => {
          if (this.#stream === stream) this.#answered(stream, message);
        },
        ended: (error) => {
          if (isTokenFault(error)) this.#client.authentication.reject(metadata);
          if (this.#stream === stream) this.#ended(stream, error);
        },
      },
    );
    const stream = { duplex, endpoint, failures: endpoint.failures };
    return stream;
  }

  #answered(stream: OpenStream, { header, ID, TTL }: LeaseKeepAliveResponse): void {
    const sentAt = this.#sentAt;
    if (ID !== this.#lease || sentAt === undefined) return;
    this.#sentAt = undefined;
    stream.endpoint.answered();
    this.#backoff.reset();
    this.#leaderless.clear();
    this.#client.cluster.notice(header);
    if (TTL <= 0n) {
      this.#observer.gone();
      return;
    }
    this.#observer.renewed(sentAt, Number(TTL), header?.raftTerm ?? 0n);
    const tookMs = this.#client.clock.now() - sentAt;
    // So late only because this process stood still, which it may do again before a timer runs.
    if (tookMs >= this.#intervalMs) this.askNow();
    else this.#sleep(this.#intervalMs - tookMs);
  }

  #ended(stream: OpenStream, error: GrpcError): void {
    const sentAt = this.#sentAt;
    this.#stream = undefined;
    this.#sentAt = undefined;
    this.#cancelTimer?.();
    if (sentAt !== undefined && error.answered && error.message === noLeader) {
      this.#leaderless.set(stream.endpoint, sentAt);
      this.#countLeaderless();
    }
    if (error.status === GrpcStatus.NOT_FOUND) {
      this.#observer.gone();
      return;
    }
    if (error.blame !== "request") {
      this.#client.endpoints.leave(stream.endpoint, stream.failures, error);
      void this.#open();
    } else this.#sleep(this.#backoff.next());
  }

  /** Words that are further apart than two turns are not of one time: there may have been a leader in between. */
  #countLeaderless(): void {
    const { count } = this.#client.endpoints;
    // The word of one is no majority's, whatever its cluster.
    if (count === 1) return;
    const latest = [...this.#leaderless.values()].sort((one, other) => other - one);
    const since = latest[Math.floor(count / 2)];
    if (since === undefined || this.#client.clock.now() - since > 2 * this.#intervalMs) return;
    this.#observer.leaderless(since);
  }
}
