import { abortable } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import { DiscoveryError } from "../../errors.ts";
import type {
  CallOptions,
  Change,
  Condition,
  Listing,
  RecordName,
  Write,
  WriteResult,
} from "../store.ts";
import type { HeldHosts } from "./held-hosts.ts";
import { KeyTurns } from "./key-turns.ts";
import { isKeysError } from "./keys-api.ts";
import type { Reading } from "./reading.ts";
import {
  conflict,
  livingSession,
  nameOf,
  type RecordChanges,
  textOf,
  wantsNone,
} from "./record-change.ts";
import type { TtlSession } from "./ttl-session.ts";
import { withDeadline } from "./with-deadline.ts";

const maximumChanges = 60;

/**
 * Writes records by the keys API, one request for each. Conditions are looked at before anything is
 * written; one on a record that is changed as well is etcd's to check, and such records come first.
 * In between others may write: nothing in v2 prevents that.
 */
export class Writing {
  readonly #clock: Clock;
  readonly #held: HeldHosts;
  readonly #reading: Reading;
  readonly #records: RecordChanges;
  readonly #turns = new KeyTurns();

  constructor(clock: Clock, held: HeldHosts, reading: Reading, records: RecordChanges) {
    this.#clock = clock;
    this.#held = held;
    this.#reading = reading;
    this.#records = records;
  }

  /** Carries a write out when all that was asked for earlier for its records is done. */
  async write(write: Write, options: CallOptions): Promise<WriteResult> {
    const { service, conditions, changes } = write;
    const { signal, timeoutMs } = options;
    signal?.throwIfAborted();
    if (changes.length > maximumChanges) {
      const message = `writing ${service}: ${changes.length} changes, at most ${maximumChanges} go in one write`;
      throw new DiscoveryError("INVALID_ARGUMENT", message);
    }
    const arrivals = changes.flatMap((change) => {
      if (change.kind !== "put-host") return [];
      return { session: livingSession(service, change.session), key: this.#key(service, change) };
    });
    const settled = arrivals.map(({ session, key }) => session.expect(key));
    // Taken down now: the buffer is the caller's.
    const values = changes.map((change) => ("value" in change ? textOf(change.value) : ""));
    const records = [...conditions.map(({ record }) => record), ...changes.map(nameOf)];
    const keys = new Set(records.map((record) => this.#records.key(service, record)));
    const deadline = this.#clock.now() + timeoutMs;
    const late = () =>
      new DiscoveryError("TIMEOUT", `writing ${service}: no answer within ${timeoutMs} ms`);
    const result = this.#turns
      .take([...keys], async () => {
        const leftMs = deadline - this.#clock.now();
        signal?.throwIfAborted();
        if (leftMs <= 0) throw late();
        const left = withDeadline(this.#clock, { signal, timeoutMs: leftMs });
        return this.#carryOut(write, values, left).catch((error: unknown) => {
          throw asDiscoveryError(service, error);
        });
      })
      .finally(() => {
        for (const settle of settled) settle();
      });
    return this.#within(abortable(result, signal), timeoutMs, late);
  }

  /**
   * Puts a host that is gone although it is to live, if it still is. Returns when that was asked for;
   * undefined if it was not. By a plain `set`, since that is what tells older clients of a host that
   * is there again.
   */
  again(session: TtlSession, key: string, timeoutMs: number): Promise<number | undefined> {
    return this.#turns.take([key], async () => {
      const host = this.#held.get(key);
      if (host === undefined || session.ended.aborted) return undefined;
      await this.#records.putHost(session, key, host.value, {}, { timeoutMs });
      return this.#held.get(key)?.renewedAt;
    });
  }

  /** Deletes hosts once nothing that could bring them back is under way. Never rejects. */
  async remove(keys: readonly string[], options: CallOptions): Promise<void> {
    const removals = keys.map((key) =>
      this.#turns.take([key], () => this.#records.remove(key, {}, options)),
    );
    await Promise.allSettled(removals);
  }

  async #carryOut(
    { service, conditions, changes }: Write,
    values: readonly string[],
    options: CallOptions,
  ): Promise<WriteResult> {
    const guards = new Map(conditions.map((condition) => [textName(condition.record), condition]));
    const guardOf = (change: Change) =>
      guards.size === 0 ? undefined : guards.get(textName(nameOf(change)));
    const named = () => this.#named(service, conditions, options);
    // Most infos are there, and to have all members refuse a PUT would hold up whatever else they do.
    if (conditions.length === 1 && conditions.every(wantsNoInfo)) {
      const current = await this.#reading.knownInfo(service, options);
      if (current.info !== undefined) return { applied: false, current };
    }
    let read = 0;
    if (conditions.some((condition) => !isSimple(condition, conditions, changes))) {
      const current = await named();
      if (!conditions.every((condition) => holds(condition, current))) {
        return { applied: false, current };
      }
      read = current.revision;
    }
    const revisions: number[] = changes.map(() => 0);
    // A gate comes first. The info comes last: so whoever finds it new finds the hosts it goes with.
    const turns = changes.map((change) => {
      const guard = guardOf(change);
      if (guard !== undefined && !isTouch(change, guard)) return 0;
      return change.kind === "put-info" ? 2 : 1;
    });
    for (const turn of [0, 1, 2]) {
      const wanted = changes.flatMap((change, at) => (turns[at] === turn ? [{ change, at }] : []));
      // The first to be sent is the first to be written: what has nothing to wait for is sent at once.
      if (wanted.length === 0) continue;
      const outcomes = await allOf(
        wanted.map(({ change, at }) =>
          this.#records.change(service, change, values[at] ?? "", guardOf(change), options),
        ),
      );
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome === conflict) return { applied: false, current: await named() };
        revisions[wanted[index]?.at ?? 0] = outcome;
      }
    }
    return { applied: true, revision: Math.max(read, ...revisions), revisions };
  }

  #named(
    service: string,
    conditions: readonly Condition[],
    options: CallOptions,
  ): Promise<Listing> {
    const hosts = conditions.flatMap(({ record }) => (record.kind === "host" ? [record.id] : []));
    const info = conditions.some(({ record }) => record.kind === "info");
    return this.#reading.read(service, { info, hosts }, options);
  }

  #key(service: string, change: Change): string {
    return this.#records.key(service, nameOf(change));
  }

  /** The turn of a write may come late. */
  #within<T>(promise: Promise<T>, timeoutMs: number, late: () => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = overdue(this.#clock, () => reject(late()), timeoutMs);
      promise.then(resolve, reject).finally(cancel);
    });
  }
}

/** Whether etcd itself checks it in the one request there is. */
function isSimple(
  condition: Condition,
  conditions: readonly Condition[],
  changes: readonly Change[],
): boolean {
  if (conditions.length > 1 || ("value" in condition && condition.value.length === 0)) return false;
  return changes.some(
    (change) =>
      textName(nameOf(change)) === textName(condition.record) && !isTouch(change, condition),
  );
}

/** Whether an info is written again as it is, so that others who count on its revision take notice. */
function isTouch(change: Change, guard: Condition): boolean {
  if (change.kind !== "put-info" || !("value" in guard)) return false;
  return Buffer.compare(change.value, guard.value) === 0;
}

function wantsNoInfo(condition: Condition): boolean {
  return condition.record.kind === "info" && wantsNone(condition);
}

function holds(condition: Condition, { info, hosts }: Listing): boolean {
  const { record } = condition;
  const stored = record.kind === "info" ? info : hosts.find(({ id }) => id === record.id);
  if (!("value" in condition)) return (stored?.revision ?? 0) === condition.revision;
  return stored !== undefined && Buffer.compare(stored.value, condition.value) === 0;
}

function textName(record: RecordName): string {
  return record.kind === "info" ? "" : record.id;
}

/** What etcd says of a key is no failure that callers know. */
function asDiscoveryError(service: string, error: unknown): unknown {
  if (!isKeysError(error)) return error;
  const message = `writing ${service}: ${error.message}`;
  return new DiscoveryError("UNAVAILABLE", message, { cause: error });
}

/** Waits for all of them before it fails for one, so that none is still under way. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(promises);
  return outcomes.map((outcome) => {
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  });
}
