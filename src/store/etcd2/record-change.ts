import type { Clock } from "../../async/clock.ts";
import { DiscoveryError, isDiscoveryError } from "../../errors.ts";
import { hostKey, infoKey } from "../../model/keys.ts";
import type { CallOptions, Change, Condition, RecordName, Session } from "../store.ts";
import type { Client } from "./client.ts";
import type { HeldHosts } from "./held-hosts.ts";
import { errorCodes, isKeysError, type KeysNode, type KeysRequest } from "./keys-api.ts";
import type { Reading } from "./reading.ts";
import { TtlSession } from "./ttl-session.ts";

/** How often a record that is changed or refreshed all the time is tried again. */
const mostTries = 5;

/** What etcd says of a key that has no record, for want of a key or because of what else lies there. */
const noRecord = [errorCodes.notFound, errorCodes.notAFile, errorCodes.notADirectory];

type Parameters = Readonly<Record<string, string>>;

/** The record was not as a condition wants it. */
export const conflict: unique symbol = Symbol("conflict");

export type Outcome = number | typeof conflict;

/** Changes one record by one request of the keys API, and keeps account of the hosts that it puts. */
export class RecordChanges {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #held: HeldHosts;
  readonly #reading: Reading;

  constructor(client: Client, clock: Clock, prefix: string, held: HeldHosts, reading: Reading) {
    this.#client = client;
    this.#clock = clock;
    this.#prefix = prefix;
    this.#held = held;
    this.#reading = reading;
  }

  key(service: string, record: RecordName): string {
    return record.kind === "info"
      ? infoKey(this.#prefix, service)
      : hostKey(this.#prefix, service, record.id);
  }

  /** Returns the index that the change got, or that the record is not as `guard` wants it. */
  async change(
    service: string,
    change: Change,
    value: string,
    guard: Condition | undefined,
    options: CallOptions,
  ): Promise<Outcome> {
    const key = this.key(service, nameOf(change));
    if (guard === undefined) return this.#attempt(service, key, change, value, undefined, options);
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#attempt(service, key, change, value, guard, options);
      } catch (error) {
        if (!isConflict(error)) throw error;
        if (isKeysError(error, errorCodes.alreadyExists)) await this.#assertRecord(key, options);
        // A refresh of ours may have been on its way.
        if (tries === mostTries || this.#held.get(key) === undefined) return conflict;
        const { node } = await this.#reading.get(key, options);
        if (!this.#holds(guard, node)) return conflict;
        if (node !== undefined) this.#held.moved(node);
      }
    }
  }

  /** Puts a host and has the session keep it alive; returns its index. */
  async putHost(
    session: TtlSession,
    key: string,
    value: string,
    condition: Parameters,
    options: CallOptions,
  ): Promise<number> {
    let renewedAt = this.#clock.now();
    const parameters = { value, ttl: String(session.ttlSeconds), ...condition };
    const node = await this.#send({ method: "PUT", key, parameters }, options, (startedAt) => {
      renewedAt = startedAt;
    });
    const { createdIndex, modifiedIndex } = node;
    if (session.ended.aborted) return modifiedIndex;
    const host = {
      ...{ key, value, createdIndex, modifiedIndex, renewedAt },
      revision: modifiedIndex,
    };
    this.#held.set(host, session);
    session.hold(host);
    return modifiedIndex;
  }

  /**
   * Puts a host whatever is there. What this client has put there before is replaced by its index: a
   * member that hung takes what lies in its sockets for new when it wakes, so that a PUT without a
   * condition would put an old state back long after it was given up and another one written. All
   * else is set, since that is how older clients are told of a host that is there again.
   */
  async #putAnew(
    session: TtlSession,
    key: string,
    value: string,
    options: CallOptions,
  ): Promise<number> {
    let index = this.#held.get(key)?.modifiedIndex;
    for (let tries = 1; ; tries += 1) {
      const condition: Parameters = index === undefined ? {} : { prevIndex: String(index) };
      try {
        return await this.putHost(session, key, value, condition, options);
      } catch (error) {
        if (tries === mostTries || !isConflict(error)) throw error;
        // A refresh of ours was on its way, or else somebody has written or deleted it.
        const { node } = await this.#reading.get(key, options);
        index = node !== undefined && this.#held.moved(node) ? node.modifiedIndex : undefined;
      }
    }
  }

  /** Deletes a record, whoever has written it; returns the index that it is gone at. */
  async remove(key: string, condition: Parameters, options: CallOptions): Promise<number> {
    const conditional = Object.keys(condition).length > 0;
    if (!conditional) this.#held.release(key);
    try {
      const request = { method: "DELETE", key, parameters: condition } as const;
      const { modifiedIndex } = await this.#send(request, options);
      this.#held.release(key);
      return modifiedIndex;
    } catch (error) {
      if (!isKeysError(error, ...noRecord) || conditional) throw error;
      return error.index;
    }
  }

  async #attempt(
    service: string,
    key: string,
    change: Change,
    value: string,
    guard: Condition | undefined,
    options: CallOptions,
  ): Promise<Outcome> {
    const condition = guard === undefined ? {} : this.#parameters(key, guard);
    switch (change.kind) {
      case "put-info": {
        const request = { method: "PUT", key, parameters: { value, ...condition } } as const;
        return (await this.#send(request, options)).modifiedIndex;
      }
      case "put-host": {
        const session = livingSession(service, change.session);
        if (guard === undefined) return this.#putAnew(session, key, value, options);
        return this.putHost(session, key, value, condition, options);
      }
      case "replace-host":
        return this.#replace(key, value, guard, options);
      case "delete-host": {
        if (guard === undefined || !wantsNone(guard)) return this.remove(key, condition, options);
        // A DELETE knows no such condition.
        const { node, index } = await this.#reading.get(key, options);
        return node === undefined ? index : conflict;
      }
    }
  }

  /** With what is left of its time, which v2 would otherwise make endless. */
  async #replace(
    key: string,
    value: string,
    guard: Condition | undefined,
    options: CallOptions,
  ): Promise<Outcome> {
    for (let tries = 1; ; tries += 1) {
      const { node, index } = await this.#reading.get(key, options);
      if (guard !== undefined && !this.#holds(guard, node)) return conflict;
      if (node === undefined || node.dir === true) return index;
      const ttl = node.ttl === undefined ? {} : { ttl: String(Math.max(1, node.ttl)) };
      const parameters = { value, prevIndex: String(node.modifiedIndex), ...ttl };
      try {
        return (await this.#send({ method: "PUT", key, parameters }, options)).modifiedIndex;
      } catch (error) {
        if (tries === mostTries || !isConflict(error)) throw error;
      }
    }
  }

  #holds(guard: Condition, node: KeysNode | undefined): boolean {
    if ("value" in guard) return node?.value === textOf(guard.value);
    return (node === undefined ? 0 : this.#held.revisionOf(node)) === guard.revision;
  }

  #parameters(key: string, guard: Condition): Parameters {
    if ("value" in guard) {
      const prevValue = textOf(guard.value);
      // etcd takes an empty one for none, so that this much has to do.
      return prevValue === "" ? { prevExist: "true" } : { prevValue };
    }
    if (wantsNone(guard)) return { prevExist: "false" };
    return { prevIndex: String(this.#held.indexOf(key, guard.revision)) };
  }

  /**
   * Only a DELETE may be sent twice: a PUT that was carried out late, after the second one, would
   * bring back what was deleted or replaced meanwhile.
   */
  async #send(
    request: KeysRequest,
    { signal, timeoutMs }: CallOptions,
    onAttempt?: (startedAt: number) => void,
  ): Promise<Pick<KeysNode, "createdIndex" | "modifiedIndex">> {
    const { method, key, parameters = {} } = request;
    const isConditional = Object.keys(parameters).some((name) => name.startsWith("prev"));
    const repeatable = method === "DELETE" && !isConditional;
    const what = `${method === "DELETE" ? "delete" : "write"} "${key}"`;
    try {
      const call = { signal, timeoutMs, repeatable, onAttempt };
      if (method === "DELETE" || (isConditional && parameters["prevExist"] !== "false")) {
        return (await this.#client.call(what, request, call)).node;
      }
      // The node is new, so that its one index is all that there is to tell.
      const index = await this.#client.put(what, request, call);
      return { createdIndex: index, modifiedIndex: index };
    } catch (cause) {
      const isInTheWay = isKeysError(cause, errorCodes.notAFile, errorCodes.notADirectory);
      if (!isInTheWay || method !== "PUT") throw cause;
      // What was put there before is gone.
      this.#held.release(key);
      throw inTheWay(key, cause.message, cause);
    }
  }

  /** etcd says of a directory, too, that it exists already. */
  async #assertRecord(key: string, options: CallOptions): Promise<void> {
    const { node } = await this.#reading.get(key, options);
    if (node?.dir === true) throw inTheWay(key, "it is a directory");
  }
}

/** Nothing can be written there before somebody has put it right. */
function inTheWay(key: string, why: string, cause?: unknown): DiscoveryError {
  const message = `etcd could not write "${key}": ${why}; delete what is in the way`;
  return new DiscoveryError("UNAVAILABLE", message, { cause });
}

/** The record that a change is about. */
export function nameOf(change: Change): RecordName {
  return change.kind === "put-info" ? { kind: "info" } : { kind: "host", id: change.id };
}

/** The keys API knows text only. */
export function textOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
}

/** Throws if the session is none of this driver's, or has ended. */
export function livingSession(service: string, session: Session): TtlSession {
  if (!(session instanceof TtlSession)) {
    throw new DiscoveryError("INVALID_ARGUMENT", `writing ${service}: a session of another store`);
  }
  if (!session.ended.aborted) return session;
  const cause: unknown = session.ended.reason;
  const code = isDiscoveryError(cause) ? cause.code : "UNAVAILABLE";
  throw new DiscoveryError(code, `writing ${service}: its session has ended`, { cause });
}

/** Whether it is the condition that there is no such record. */
export function wantsNone(guard: Condition): boolean {
  return "revision" in guard && guard.revision === 0;
}

function isConflict(error: unknown): boolean {
  return isKeysError(
    error,
    errorCodes.compareFailed,
    errorCodes.alreadyExists,
    errorCodes.notFound,
  );
}
