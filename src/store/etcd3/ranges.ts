import { onAbort } from "../../async/abort.ts";
import type { Client } from "./client.ts";
import type { RangeRequest, RangeResponse } from "./gen/etcd.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";
import * as methods from "./methods.ts";
import { isRefusal } from "./status.ts";

/** How many ranges travel together at most, unless one asks for more: well below etcd's default limit of 128 operations in a transaction (`--max-txn-ops`). */
const mostRanges = 64;

/** What each range holds, in their order. */
export type Pages = readonly (RangeResponse | undefined)[];

/** Asks for ranges at one revision, in one round trip. Those that are `serializable` one member answers by itself. */
export async function askRanges(
  client: Client,
  ranges: readonly RangeRequest[],
  { signal, timeoutMs }: { readonly signal: AbortSignal | undefined; readonly timeoutMs: number },
): Promise<Pages> {
  const [first] = ranges;
  const alone = first?.serializable === true;
  const call = { signal, timeoutMs, repeatable: true, linearizable: true };
  if (ranges.length === 1 && first !== undefined) {
    return [
      await (alone
        ? client.askAny(methods.range, first, call)
        : client.unary(methods.range, first, call)),
    ];
  }
  const success = ranges.map((range) => ({ requestRange: range }));
  const request = { compare: [], success, failure: [] };
  const { header, responses } = await (alone
    ? client.askAny(methods.txn, request, call)
    : client.unary(methods.txn, request, call));
  return responses.map(({ responseRange }) => {
    // Only the transaction itself tells who answered.
    if (responseRange !== undefined) responseRange.header = header;
    return responseRange;
  });
}

/** Somebody's ranges, and its promise. */
interface Question {
  readonly ranges: readonly RangeRequest[];
  readonly timeoutMs: number;
  readonly deadline: number;
  readonly resolve: (pages: Pages) => void;
  readonly reject: (error: unknown) => void;

  /** Nobody waits for it any more. */
  readonly signal: AbortSignal | undefined;
}

/**
 * What is asked in the same tick travels together, so that a thousand services that are followed
 * from now on, or listed again, take few round trips. It never makes another one fail: what etcd
 * refuses is asked for one by one, and so is for a while what took too long together.
 */
export class RangeBatches {
  readonly #client: Client;
  #waiting: Question[] = [];
  #most = mostRanges;

  constructor(client: Client) {
    this.#client = client;
  }

  /** See {@link askRanges}. */
  ask(
    ranges: readonly RangeRequest[],
    { signal, timeoutMs }: { readonly signal: AbortSignal | undefined; readonly timeoutMs: number },
  ): Promise<Pages> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const forget = signal && onAbort(signal, () => reject(signal.reason));
      const deadline = this.#client.clock.now() + timeoutMs;
      this.#waiting.push({
        ...{ ranges, timeoutMs, deadline, signal },
        resolve: (pages) => {
          forget?.();
          resolve(pages);
        },
        reject: (error) => {
          forget?.();
          reject(error);
        },
      });
      if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const questions = this.#waiting.filter(({ signal }) => signal?.aborted !== true);
    this.#waiting = [];
    let batch: Question[] = [];
    let width = 0;
    for (const question of questions) {
      const fits =
        width + question.ranges.length <= this.#most && batch[0]?.timeoutMs === question.timeoutMs;
      if (batch.length > 0 && !fits) {
        void this.#send(batch);
        [batch, width] = [[], 0];
      }
      batch.push(question);
      width += question.ranges.length;
    }
    if (batch.length > 0) void this.#send(batch);
  }

  /** Never rejects. */
  async #send(questions: readonly Question[]): Promise<void> {
    const [only] = questions;
    if (only === undefined) return;
    const ranges = questions.flatMap((question) => question.ranges);
    const timeoutMs = only.deadline - this.#client.clock.now();
    const signal = questions.length === 1 ? only.signal : undefined;
    try {
      const pages = await askRanges(this.#client, ranges, { signal, timeoutMs });
      this.#most = Math.min(this.#most + 2, mostRanges);
      let start = 0;
      for (const question of questions) {
        const end = start + question.ranges.length;
        question.resolve(pages.slice(start, end));
        start = end;
      }
    } catch (error) {
      if (error instanceof GrpcError && error.blame === "silence") this.#most = 1;
      if (questions.length > 1 && isOfOne(error)) {
        for (const question of questions) void this.#send([question]);
      } else for (const question of questions) question.reject(error);
    }
  }
}

/** Whether it may be what one of several asked for that is refused, or too long. */
function isOfOne(error: unknown): boolean {
  return (
    error instanceof GrpcError &&
    (isRefusal(error) || error.status === GrpcStatus.RESOURCE_EXHAUSTED)
  );
}
