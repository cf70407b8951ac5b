import { DiscoveryError } from "../../errors.ts";
import type { CallOptions, Session, Write, WriteResult } from "../store.ts";
import type { Client } from "./client.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";
import { EtcdSession } from "./lease.ts";
import * as methods from "./methods.ts";
import { discoveryError, isRefusal } from "./status.ts";
import { WritePart } from "./transaction.ts";
import { QueuedWrite, WriteQueue } from "./write-queue.ts";

/** Below etcd's default limit of 128 operations in a transaction (`--max-txn-ops`). */
const mostOperations = 100;

/** Well below etcd's default limit of 1.5 MiB for a request (`--max-request-bytes`). */
const mostBytes = 512 * 1_024;

/** The most changes of one write; with its conditions it still fits in a transaction with others. */
const mostChanges = 60;

/** Writes: those of one tick travel together, and never make each other fail. */
export class Batches {
  readonly #client: Client;
  readonly #prefix: string;
  readonly #queue = new WriteQueue((writes) => this.#carryOut(writes));

  constructor(client: Client, prefix: string) {
    this.#client = client;
    this.#prefix = prefix;
  }

  /** See `Store.write`. */
  async write(write: Write, options: CallOptions): Promise<WriteResult> {
    options.signal?.throwIfAborted();
    const sessions = new Set<EtcdSession>();
    const part = new WritePart(this.#prefix, write, ({ session }) => {
      const own = this.#own(session);
      sessions.add(own);
      return own.lease;
    });
    if (write.changes.length > mostChanges || part.changed.size < write.changes.length) {
      const message = `a write takes at most ${mostChanges} changes, each of another record`;
      throw new DiscoveryError("INVALID_ARGUMENT", message);
    }
    const queued = new QueuedWrite(part, [...sessions], options, this.#client.clock);
    this.#queue.add(queued);
    return queued.promise;
  }

  /** Rejects whatever is waiting or under way. */
  close(error: Error): void {
    this.#queue.close(error);
  }

  /**
   * Sends writes in as few transactions as the limits allow, all at once. Those that were given less
   * time go without the others: what waits for them would wait for the whole transaction.
   */
  #carryOut(writes: readonly QueuedWrite[]): void {
    let batch: QueuedWrite[] = [];
    let width = 0;
    let depth = 0;
    let bytes = 0;
    for (const write of writes.toSorted((one, other) => one.timeoutMs - other.timeoutMs)) {
      const { part } = write;
      const lost = write.sessions.find((session) => session.ended.aborted);
      if (lost !== undefined) {
        write.reject(lost.ended.reason);
        this.#queue.done(write);
        continue;
      }
      const deepest = Math.max(depth, part.depth);
      const fits =
        width + part.width + deepest <= mostOperations &&
        bytes + part.bytes <= mostBytes &&
        batch[0]?.timeoutMs === write.timeoutMs;
      if (batch.length > 0 && !fits) {
        void this.#send(batch);
        [batch, width, depth, bytes] = [[], 0, 0, 0];
      }
      batch.push(write);
      width += part.width;
      depth = Math.max(depth, part.depth);
      bytes += part.bytes;
    }
    if (batch.length > 0) void this.#send(batch);
  }

  /** Carries writes out in one transaction; settles all of them, and never rejects. */
  async #send(batch: readonly QueuedWrite[]): Promise<void> {
    const now = this.#client.clock.now();
    const deadline = Math.max(...batch.map((write) => write.deadline));
    for (const write of batch) write.expire(write.deadline < deadline);
    try {
      const results = await this.#transact(batch, deadline - now);
      for (const [index, write] of batch.entries()) {
        const result = results[index];
        if (result !== undefined) write.resolve(result);
        this.#queue.done(write);
      }
    } catch (error) {
      this.#failed(batch, error);
    }
  }

  /** A transaction was not carried out, as far as is known: fails its writes, or finds the culprit. */
  #failed(batch: readonly QueuedWrite[], error: unknown): void {
    const refused = error instanceof GrpcError && isRefusal(error);
    const sessions = new Set(batch.flatMap((write) => write.sessions));
    const [session] = sessions;
    if (refused && error.status === GrpcStatus.NOT_FOUND && session !== undefined) {
      // The one thing that a write can name and etcd not find is a lease.
      if (sessions.size === 1) session.lose(`etcd does not know its lease any more`);
      else if (batch.length === 1) for (const doubtful of sessions) doubtful.verify();
      if (sessions.size === 1 && batch.length > 1) {
        this.#carryOut(batch);
        return;
      }
    }
    if (refused && batch.length > 1) {
      const half = Math.ceil(batch.length / 2);
      void this.#send(batch.slice(0, half));
      void this.#send(batch.slice(half));
      return;
    }
    for (const write of batch) {
      const lost = write.sessions.find(({ ended }) => ended.aborted);
      write.reject(
        error instanceof GrpcError
          ? (lost?.ended.reason ?? discoveryError(error, `write ${write.part.keys}`))
          : error,
      );
      this.#queue.done(write);
    }
  }

  async #transact(batch: readonly QueuedWrite[], timeoutMs: number): Promise<WriteResult[]> {
    const repeatable = batch.every(({ part }) => part.repeatable);
    // What waits to be sent, or to be answered, is of no use to a session that has ended.
    const session = batch[0]?.sessions[0];
    const common = batch.every(({ sessions }) => sessions.length === 1 && sessions[0] === session);
    const signal = common ? session?.ended : undefined;
    const call = { signal, timeoutMs, repeatable, linearizable: true };
    const [only] = batch;
    if (only !== undefined && batch.length === 1) {
      const answer = await this.#client.unary(methods.txn, only.part.alone(), call);
      return [only.part.resultAlone(answer, Number(answer.header?.revision))];
    }
    const success = batch.flatMap(({ part }) => part.operations());
    const request = { compare: [], success, failure: [] };
    const { header, responses } = await this.#client.unary(methods.txn, request, call);
    const revision = Number(header?.revision);
    let start = 0;
    return batch.map(({ part }) => {
      const answers = responses.slice(start, start + part.width);
      start += part.width;
      return part.result(answers, revision);
    });
  }

  #own(session: Session): EtcdSession {
    if (session instanceof EtcdSession && session.client === this.#client) return session;
    throw new DiscoveryError("INVALID_ARGUMENT", "the session is of another store");
  }
}
