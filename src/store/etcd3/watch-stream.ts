import { setMaxListeners } from "node:events";
import { delay } from "../../async/abort.ts";
import { Backoff } from "../../async/backoff.ts";
import { isDiscoveryError } from "../../errors.ts";
import type { WatchEnd } from "../store.ts";
import type { Endpoint } from "../etcd/endpoint.ts";
import type { Channel, Duplex, Metadata } from "./channel.ts";
import type { Client } from "./client.ts";
import type { Event, WatchRequest, WatchResponse } from "./gen/etcd.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";
import type { KeyRange } from "./keys.ts";
import * as methods from "./methods.ts";
import { isTokenFault } from "./status.ts";
import { Watchdog } from "./watchdog.ts";

/** How long a stream may be silent before it is asked for a sign of life, and how long that may take. */
const silenceMs = 3_000;

/** After this much life of its stream a watch has caught up: etcd sees to hundreds of them ten times a second. */
const catchUpMs = 30_000;

/** One range of keys that is watched on the stream; it keeps its own place in history. */
export interface RangeWatch {
  readonly range: KeyRange;

  /** The first revision of which it has not been told. */
  readonly next: number;

  /** Whether it had to catch up with what was written before it was accepted, or may have to. */
  readonly behind: boolean;

  /** etcd has accepted it; its member had come as far as this revision. */
  created(revision: number): void;

  /** Of one or more revisions, each of them complete. */
  events(events: readonly Event[]): void;

  interrupted(error: Error): void;
  ended(reason: WatchEnd, error: Error): void;
}

interface OpenStream {
  readonly duplex: Duplex<WatchRequest>;
  readonly endpoint: Endpoint<Channel>;
  readonly failures: number;
  readonly metadata: Metadata;
}

/**
 * The one stream that carries all watches. It exists while there are watches, moves to the next
 * endpoint when it breaks or falls silent, and there goes on with each of them from where it was.
 */
export class WatchStream {
  readonly #client: Client;
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff();
  readonly #watches = new Map<bigint, RangeWatch>();
  readonly #ids = new Map<RangeWatch, bigint>();
  readonly #fragments = new Map<bigint, Event[]>();

  /** Those that etcd has accepted, each with how long the stream had been alive by then. */
  readonly #accepted = new Map<bigint, number>();

  /** Those that etcd has not answered for. It answers in the order in which it was asked. */
  #creating: bigint[] = [];
  #lastId = 0n;
  #stream: OpenStream | undefined;
  #opening = false;

  /** Whether etcd may have become another while the watches there are wait for a stream. */
  #outOfSight = false;
  #watchdog: Watchdog | undefined;

  constructor(client: Client) {
    this.#client = client;
    // Each call that waits listens to it.
    setMaxListeners(Infinity, this.#closing.signal);
  }

  add(watch: RangeWatch): void {
    this.#lastId += 1n;
    this.#watches.set(this.#lastId, watch);
    this.#ids.set(watch, this.#lastId);
    if (this.#stream === undefined) void this.#open();
    else this.#create(this.#stream, this.#lastId, watch);
  }

  remove(watch: RangeWatch): void {
    this.#forget(watch);
    if (this.#watches.size === 0) this.#drop();
  }

  /** Begins a watch anew from its `next`. */
  restart(watch: RangeWatch): void {
    this.#forget(watch);
    this.add(watch);
  }

  close(): void {
    this.#closing.abort();
    this.#watches.clear();
    this.#ids.clear();
    this.#drop();
  }

  #forget(watch: RangeWatch): void {
    const id = this.#ids.get(watch);
    if (id === undefined) return;
    this.#delete(id, watch);
    this.#stream?.duplex.send({ cancelRequest: { watchId: id } });
  }

  #delete(id: bigint, watch: RangeWatch): void {
    this.#ids.delete(watch);
    this.#watches.delete(id);
    this.#fragments.delete(id);
    this.#accepted.delete(id);
  }

  /** Ends the stream without a word to the watches. */
  #drop(): void {
    this.#watchdog?.stop();
    this.#stream?.duplex.cancel();
    this.#stream = undefined;
    this.#creating = [];
    this.#fragments.clear();
    this.#accepted.clear();
  }

  async #open(): Promise<void> {
    if (this.#opening || this.#closing.signal.aborted) return;
    this.#opening = true;
    const { signal } = this.#closing;
    try {
      while (this.#stream === undefined && this.#watches.size > 0) await this.#tryOpen(signal);
    } catch {
      // Closed.
    } finally {
      this.#opening = false;
    }
  }

  async #tryOpen(signal: AbortSignal): Promise<void> {
    const { authentication, clock, endpoints } = this.#client;
    try {
      const [anyWatch] = this.#watches.values();
      if (this.#client.cluster.mark.revision > 0 && anyWatch !== undefined) {
        const call = { signal, timeoutMs: silenceMs };
        const verified = await this.#client.verify(call, anyWatch.range.key);
        if (this.#outOfSight && !verified) {
          this.#outOfSight = false;
          const doubt = "nothing tells whether the records on etcd are still those that were read";
          this.#endAll("replaced", new Error(doubt));
          return;
        }
      }
      this.#outOfSight = false;
      const metadata = authentication.metadata ?? (await authentication.ready(signal));
      const endpoint = await endpoints.acquire(signal);
      signal.throwIfAborted();
      if (this.#watches.size === 0) return;
      this.#stream = this.#openOn(endpoint, metadata);
      this.#watchdog = this.#guard(this.#stream);
      for (const [id, watch] of this.#watches) this.#create(this.#stream, id, watch);
    } catch (error) {
      signal.throwIfAborted();
      this.#outOfSight = true;
      if (isDiscoveryError(error, "UNAUTHENTICATED")) this.#endAll("refused", error);
      else await delay(clock, this.#backoff.next(), signal);
    }
  }

  #openOn(endpoint: Endpoint<Channel>, metadata: Metadata): OpenStream {
    const duplex = endpoint.channel.duplex(
      methods.watch,
      { connectTimeoutMs: silenceMs, metadata },
      {
        message: (message) => {
          if (this.#stream === stream) this.#told(stream, message);
        },
        ended: (error) => {
          if (this.#stream === stream) this.#broke(stream, error);
        },
      },
    );
    const stream = { duplex, endpoint, failures: endpoint.failures, metadata };
    return stream;
  }

  /**
   * A watch that has to catch up asks for one revision more, which it was told of. For etcd refuses
   * to begin before the revision at which it has compacted, but not to begin at it; and older
   * releases have forgotten by then what was deleted at it (etcd issues 18089 and 19179).
   */
  #create({ duplex }: OpenStream, id: bigint, { range, next }: RangeWatch): void {
    this.#creating.push(id);
    const isBehind = next > 1 && next <= this.#client.cluster.mark.revision;
    const startRevision = BigInt(isBehind ? next - 1 : next);
    duplex.send({ createRequest: { ...range, startRevision, watchId: id, fragment: true } });
  }

  #told(stream: OpenStream, message: WatchResponse): void {
    stream.endpoint.answered();
    this.#watchdog?.heard();
    if (message.created) this.#created(stream, message);
    else if (message.canceled) this.#canceled(stream, message.watchId, message);
    else if (message.events.length > 0) this.#happened(message);
  }

  #created(stream: OpenStream, message: WatchResponse): void {
    // A refusal need not name the watch that it refuses.
    const index = Math.max(this.#creating.indexOf(message.watchId), 0);
    const [id] = this.#creating.splice(index, 1);
    const watch = id === undefined ? undefined : this.#watches.get(id);
    if (id === undefined || watch === undefined) return;
    if (message.canceled) {
      this.#canceled(stream, id, message);
      return;
    }
    this.#backoff.reset();
    this.#accepted.set(id, this.#watchdog?.aliveMs ?? 0);
    if (this.#client.cluster.notice(message.header)) this.#verify(watch);
    watch.created(Number(message.header?.revision ?? 0));
  }

  #canceled(stream: OpenStream, id: bigint, message: WatchResponse): void {
    const watch = this.#watches.get(id);
    if (watch === undefined) return;
    this.#fragments.delete(id);
    if (message.compactRevision > 0n) this.#compacted(id, Number(message.compactRevision));
    else void this.#refused(stream, id, watch, message.cancelReason);
  }

  /**
   * What is told of one watch goes for all that are about to catch up with the same past. Releases of
   * etcd before 3.4.31 and 3.5.13 do not tell each of them when they are many, and pass over what
   * they missed without a word (etcd issue 17529).
   */
  #compacted(id: bigint, revision: number): void {
    const error = new Error(`etcd has compacted the history up to revision ${revision}`);
    const concerned = [...this.#watches].filter(
      ([other, { behind, next }]) =>
        other === id || (behind && next <= revision && !this.#caughtUp(other)),
    );
    for (const [each, watch] of concerned) {
      // Ending one may have removed another.
      if (this.#watches.get(each) !== watch) continue;
      // etcd keeps what it has ended so until it is told to let go of it.
      this.#forget(watch);
      watch.ended("compacted", error);
    }
  }

  /** A watch of which nothing is told may have come past its cursor all the same. */
  #caughtUp(id: bigint): boolean {
    const aliveMs = this.#watchdog?.aliveMs ?? 0;
    return aliveMs - (this.#accepted.get(id) ?? aliveMs) >= catchUpMs;
  }

  #happened({ header, watchId, fragment, events }: WatchResponse): void {
    const watch = this.#watches.get(watchId);
    if (watch === undefined) return;
    const earlier = this.#fragments.get(watchId);
    if (earlier !== undefined) for (const event of events) earlier.push(event);
    const all = earlier ?? events;
    if (fragment) this.#fragments.set(watchId, all);
    else {
      this.#fragments.delete(watchId);
      this.#client.cluster.notice(header);
      watch.events(all);
    }
  }

  /**
   * etcd refuses a watch in words alone, whether for the user's roles or for a token that is no
   * longer good. The same question as a call tells which, and signs in anew if that is needed.
   */
  async #refused(stream: OpenStream, id: bigint, watch: RangeWatch, why: string): Promise<void> {
    const { signal } = this.#closing;
    const refusal = new Error(`etcd refused the watch: ${why}`);
    try {
      const call = { signal, timeoutMs: silenceMs, repeatable: true, linearizable: true };
      await this.#client.unary(methods.range, { ...watch.range, countOnly: true }, call);
    } catch (error) {
      const passing = error instanceof GrpcError && error.blame !== "request";
      if (!signal.aborted && !passing && this.#watches.get(id) === watch) {
        this.#delete(id, watch);
        watch.ended("refused", new Error(refusal.message, { cause: error }));
      }
      if (!passing) return;
    }
    if (this.#stream !== stream || this.#watches.get(id) !== watch) return;
    if (this.#client.authentication.metadata !== stream.metadata) {
      this.#broke(stream, new GrpcError(GrpcStatus.UNAUTHENTICATED, refusal.message));
      return;
    }
    await delay(this.#client.clock, this.#backoff.next(), signal).catch(() => {});
    if (this.#stream === stream && this.#watches.get(id) === watch) this.#create(stream, id, watch);
  }

  #endAll(reason: WatchEnd, error: Error): void {
    const watches = [...this.#watches.values()];
    this.#watches.clear();
    this.#ids.clear();
    for (const watch of watches) watch.ended(reason, error);
  }

  /** A member is behind what was seen: it may lag, or this is another history. */
  #verify(watch: RangeWatch): void {
    const { signal } = this.#closing;
    this.#client.verify({ signal, timeoutMs: silenceMs }, watch.range.key).catch(() => {
      // Whatever keeps it from answering breaks the stream, too, and then it is asked again.
    });
  }

  #broke(stream: OpenStream, error: GrpcError): void {
    stream.duplex.cancel();
    this.#watchdog?.stop();
    this.#stream = undefined;
    this.#creating = [];
    this.#fragments.clear();
    this.#accepted.clear();
    // Whoever asks for another token has not gone out of sight.
    if (isTokenFault(error)) this.#client.authentication.reject(stream.metadata);
    else this.#outOfSight = true;
    if (error.blame !== "request") {
      this.#client.endpoints.leave(stream.endpoint, stream.failures, error);
    }
    for (const watch of this.#watches.values()) watch.interrupted(error);
    void this.#open();
  }

  #guard(stream: OpenStream): Watchdog {
    return new Watchdog(this.#client.clock, silenceMs, {
      ask: () => stream.duplex.send({ progressRequest: {} }),
      dead: () => {
        const message = "the watch stream gave no sign of life";
        this.#broke(stream, new GrpcError(GrpcStatus.DEADLINE_EXCEEDED, message));
      },
    });
  }
}
