import {
  type Event,
  Event_EventType,
  KeyValue,
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseRevokeResponse,
  RangeRequest,
  RangeResponse,
  type ResponseHeader,
  TxnRequest,
  TxnResponse,
} from "../../src/store/etcd3/gen/etcd.ts";
import { GrpcStatus } from "../../src/store/etcd3/grpc-error.ts";
import type { KeyRange } from "../../src/store/etcd3/keys.ts";
import * as methods from "../../src/store/etcd3/methods.ts";
import { frame, type ScriptedCall, ScriptedGrpcServer } from "./scripted-grpc-server.ts";
import { isIn, type Refusal, ScriptedWatches } from "./scripted-watches.ts";

/** What is written to a key, or undefined to delete it. */
export type ScriptedWrites = Readonly<Record<string, string | Uint8Array | undefined>>;

/**
 * An etcd that a test plays, over a real connection. It keeps a history of writes, answers
 * readings and leases from it as etcd does, and serves watches as etcd does, but for what the test
 * takes into its own hands: {@link onWatch}, {@link refuse}, {@link ScriptedWatches.send}.
 */
export class ScriptedEtcd implements AsyncDisposable {
  /** What happened, oldest first; several events may be of one revision. */
  readonly history: Event[] = [];

  /** All watch streams there ever were, in order. */
  readonly streams: ScriptedWatches[] = [];

  /** How often each method was called, by its name such as `Range`. */
  readonly calls: Map<string, number> = new Map();

  /** What is done with the next watch streams. By default they are served as etcd does it. */
  onWatch: (stream: ScriptedWatches) => void = (stream) => stream.serve();

  /** What calls are refused with, by the method's name such as `Range`; undefined: served. */
  refuse: (method: string) => Refusal | undefined = () => undefined;

  clusterId = 7n;
  raftTerm = 2n;
  revision = 1;

  /** The newest revision that is forgotten. */
  compacted = 0;

  readonly #newest = new Map<string, KeyValue>();
  readonly #server: ScriptedGrpcServer;

  static async start(): Promise<ScriptedEtcd> {
    const server = await ScriptedGrpcServer.start((call) => etcd.#serve(call));
    const etcd = new ScriptedEtcd(server);
    return etcd;
  }

  private constructor(server: ScriptedGrpcServer) {
    this.#server = server;
  }

  get endpoint(): string {
    return this.#server.origin;
  }

  get header(): ResponseHeader {
    const { clusterId, revision, raftTerm } = this;
    return { clusterId, revision: BigInt(revision), raftTerm };
  }

  /** Writes all of this at one new revision, and tells the watches that are served of it. */
  write(writes: ScriptedWrites): Event[] {
    const events = this.writeUntold(writes);
    for (const stream of this.streams) stream.tell(events);
    return events;
  }

  /** Writes without telling anybody. */
  writeUntold(writes: ScriptedWrites): Event[] {
    this.revision += 1;
    const events = Object.entries(writes).map(([key, value]) => this.#event(key, value));
    this.history.push(...events);
    return events;
  }

  /** What happened in a range from one revision on, up to another. */
  events({ key, rangeEnd }: KeyRange, from: number, to: number = this.revision): Event[] {
    return this.history.filter(({ kv }) => {
      const revision = Number(kv?.modRevision);
      return revision >= from && revision <= to && isIn(kv?.key ?? key, { key, rangeEnd });
    });
  }

  /** Breaks all connections. */
  cut(): void {
    for (const session of this.#server.sessions) session.destroy();
  }

  /** Fails if serving has failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
    if (this.#server.failure !== undefined) {
      throw new Error("the scripted etcd could not serve", { cause: this.#server.failure });
    }
  }

  #event(key: string, value: string | Uint8Array | undefined): Event {
    const latest = this.#newest.get(key);
    const kv: KeyValue = {
      key: Buffer.from(key),
      value: Buffer.from(value ?? ""),
      createRevision: value === undefined ? 0n : (latest?.createRevision ?? BigInt(this.revision)),
      modRevision: BigInt(this.revision),
      version: value === undefined ? 0n : (latest?.version ?? 0n) + 1n,
      // By which a client knows this history from another.
      lease: value === undefined ? 0n : 7n,
    };
    if (value === undefined) this.#newest.delete(key);
    else this.#newest.set(key, kv);
    return { type: value === undefined ? Event_EventType.DELETE : Event_EventType.PUT, kv };
  }

  /** The keys of a range as they were at a revision, sorted. */
  #latest(range: KeyRange, revision: number): KeyValue[] {
    const latest = new Map<string, KeyValue>();
    for (const { type, kv } of this.events(range, 0, revision)) {
      if (kv === undefined) continue;
      const key = Buffer.from(kv.key).toString("latin1");
      if (type === Event_EventType.PUT) latest.set(key, kv);
      else latest.delete(key);
    }
    return [...latest.values()].sort((left, right) => Buffer.compare(left.key, right.key));
  }

  async #serve(call: ScriptedCall): Promise<void> {
    const path = call.headers[":path"] ?? "";
    const method = path.slice(path.lastIndexOf("/") + 1);
    this.calls.set(method, (this.calls.get(method) ?? 0) + 1);
    const refusal = this.refuse(method);
    if (refusal !== undefined) return end(call, refusal);
    switch (path) {
      case methods.watch.path: {
        const stream = new ScriptedWatches(this, call);
        this.streams.push(stream);
        this.onWatch(stream);
        return stream.read();
      }
      case methods.leaseKeepAlive.path:
        return this.#keepAlive(call);
      default:
        return this.#answer(call, path);
    }
  }

  async #answer(call: ScriptedCall, path: string): Promise<void> {
    const request = await call.next();
    if (request === undefined) return;
    switch (path) {
      case methods.range.path: {
        const answer = this.#range(RangeRequest.decode(request));
        return "status" in answer ? end(call, answer) : reply(call, RangeResponse, answer);
      }
      case methods.txn.path:
        return reply(call, TxnResponse, this.#txn(TxnRequest.decode(request)));
      case methods.leaseGrant.path: {
        const { ID, TTL } = LeaseGrantRequest.decode(request);
        return reply(call, LeaseGrantResponse, { header: this.header, ID, TTL });
      }
      case methods.leaseRevoke.path:
        return reply(call, LeaseRevokeResponse, { header: this.header });
      default:
        return end(call, { status: GrpcStatus.UNIMPLEMENTED, message: `${path} is not played` });
    }
  }

  #range({ revision = 0n, countOnly, ...range }: RangeRequest): RangeResponse | Refusal {
    if (revision > this.revision) return outOfRange("is a future revision");
    if (revision > 0n && revision < this.compacted) return outOfRange("has been compacted");
    const found = this.#latest(range, revision === 0n ? this.revision : Number(revision));
    const kvs = countOnly === true ? [] : found.map((kv) => KeyValue.encode(kv).finish());
    return { header: this.header, kvs, more: false, count: BigInt(found.length) };
  }

  /** Carries it out as if its conditions held. */
  #txn({ success }: TxnRequest): TxnResponse {
    const writes: Record<string, Uint8Array | undefined> = {};
    for (const { requestPut, requestDeleteRange } of success) {
      if (requestPut !== undefined) writes[textOf(requestPut.key)] = requestPut.value;
      if (requestDeleteRange !== undefined) writes[textOf(requestDeleteRange.key)] = undefined;
    }
    if (Object.keys(writes).length > 0) this.write(writes);
    const responses = success.map(({ requestRange }) => {
      const answer = requestRange && this.#range(requestRange);
      return answer === undefined || "status" in answer ? {} : { responseRange: answer };
    });
    return { header: this.header, succeeded: true, responses };
  }

  async #keepAlive(call: ScriptedCall): Promise<void> {
    call.respond();
    for (let request = await call.next(); request !== undefined; request = await call.next()) {
      const { ID } = LeaseKeepAliveRequest.decode(request);
      const answer = { header: this.header, ID, TTL: 5n };
      await call.send(frame(LeaseKeepAliveResponse.encode(answer).finish()));
    }
  }
}

function outOfRange(why: string): Refusal {
  const message = `etcdserver: mvcc: required revision ${why}`;
  return { status: GrpcStatus.OUT_OF_RANGE, message };
}

const textOf = (key: Uint8Array): string => Buffer.from(key).toString();

async function reply<O>(
  call: ScriptedCall,
  type: { readonly encode: (message: O) => { finish(): Uint8Array } },
  answer: O,
): Promise<void> {
  await call.answer(type.encode(answer).finish());
}

function end(call: ScriptedCall, { status, message }: Refusal): void {
  call.refuse({ "grpc-status": String(status), "grpc-message": encodeURIComponent(message) });
}
