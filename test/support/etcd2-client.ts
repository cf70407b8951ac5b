import { systemClock } from "../../src/async/clock.ts";
import { silentLogger } from "../../src/logger.ts";
import { Client, type ClientCall, type ClientOptions } from "../../src/store/etcd2/client.ts";
import type { KeysAnswer } from "../../src/store/etcd2/keys-api.ts";
import type { PollRequest } from "../../src/store/etcd2/poll.ts";

/** Options of a call that is expected to succeed. */
export const patiently: ClientCall = { timeoutMs: 30_000, repeatable: true, linearizable: true };

/** A client of etcd's v2 API that is closed when its block is left. It begins with the first address. */
export function clientOf(
  addresses: readonly string[],
  options: Partial<ClientOptions> = {},
): Client & AsyncDisposable {
  let asked = 0;
  const client = new Client({
    addresses,
    tls: undefined,
    user: undefined,
    clock: systemClock,
    logger: silentLogger,
    // The first one is for the choice of an endpoint.
    random: () => (asked++ === 0 ? 0 : Math.random()),
    onReplaced() {},
    ...options,
  });
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}

/** Why a promise was rejected. */
export async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`it was not rejected, but resolved with ${JSON.stringify(value)}`);
}

/** What a poll has told so far. */
export interface RecordedPoll extends Disposable {
  readonly opened: number[];
  readonly events: KeysAnswer[];

  /** One element for each time that it ended. */
  readonly ends: (Error | undefined)[];
  close(): void;
}

/** Opens a poll and writes down what it tells. */
export function record(client: Client, request: PollRequest): RecordedPoll {
  const opened: number[] = [];
  const events: KeysAnswer[] = [];
  const ends: (Error | undefined)[] = [];
  const poll = client.poll(request, {
    opened: (index) => void opened.push(index),
    event: (answer) => void events.push(answer),
    ended: (error) => void ends.push(error),
  });
  const close = (): void => poll.close();
  return { opened, events, ends, close, [Symbol.dispose]: close };
}
