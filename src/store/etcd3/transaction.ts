import { hostKey, hostsPrefix, infoKey } from "../../model/keys.ts";
import type { Change, Condition, Listing, RecordName, Write, WriteResult } from "../store.ts";
import {
  type Compare,
  Compare_CompareTarget,
  type RequestOp,
  type ResponseOp,
  type TxnRequest,
  type TxnResponse,
} from "./gen/etcd.ts";
import { oneKey, sortedByBytes } from "./keys.ts";
import { hostRecords, ListedRecord } from "./record.ts";

/**
 * One write as etcd carries it out: a transaction of its own, or a part of one with others.
 *
 * etcd checks the conditions of a transaction, nested ones included, before it changes anything,
 * and refuses one that puts a key twice: parts of one transaction must not touch the same key.
 */
export class WritePart {
  /** The keys that are changed. */
  readonly changed: ReadonlySet<string>;

  /** The keys that only conditions name. */
  readonly compared: ReadonlySet<string>;

  /** Whether carrying it out twice is as good as once. */
  readonly repeatable: boolean;

  /** How many operations of the outer transaction it takes. */
  readonly width: number;

  /** How many operations etcd counts below those: it adds up along the deepest path. */
  readonly depth: number;

  /** What it weighs in a request, roughly. */
  readonly bytes: number;
  readonly #prefix: string;
  readonly #service: string;
  readonly #compare: readonly Compare[];
  readonly #success: readonly RequestOp[];
  readonly #named: readonly RecordName[];

  /** @param leaseOf the lease behind a change's session; throws if the session is of no use */
  constructor(
    prefix: string,
    { service, conditions, changes }: Write,
    leaseOf: (change: Change & { kind: "put-host" }) => bigint,
  ) {
    this.#prefix = prefix;
    this.#service = service;
    const named = new Map(conditions.map(({ record }) => [this.#key(record), record]));
    this.#named = sortedByBytes(named.keys()).flatMap((key) => named.get(key) ?? []);
    this.changed = new Set(changes.map((change) => this.#key(recordOf(change))));
    this.compared = new Set([...named.keys()].filter((key) => !this.changed.has(key)));
    this.#compare = conditions.map((condition) => this.#comparison(condition));
    const present = new Set(conditions.filter(wantsRecord).map(({ record }) => this.#key(record)));
    const isGuarded = (change: Change) =>
      change.kind === "replace-host" && !present.has(this.#key(recordOf(change)));
    this.#success = changes.map((change) => this.#operation(change, leaseOf, isGuarded(change)));

    const guarded = changes.some(isGuarded) ? 1 : 0;
    const conditional = conditions.length > 0;
    this.repeatable = !conditional && changes.every(({ kind }) => kind === "delete-host");
    this.width = conditional ? 1 : changes.length;
    this.depth = conditional ? Math.max(conditions.length, changes.length) + guarded : guarded;
    this.bytes = changes.reduce(
      (sum, change) => sum + 200 + ("value" in change ? change.value.length : 0),
      conditions.reduce((sum, it) => sum + 400 + ("value" in it ? it.value.length : 0), 0),
    );
  }

  /** All keys that it touches, for messages. */
  get keys(): string {
    return [...this.changed, ...this.compared].map((key) => JSON.stringify(key)).join(" and ");
  }

  /** The whole request, if this write goes alone. */
  alone(): TxnRequest {
    return { compare: [...this.#compare], success: [...this.#success], failure: this.#failure() };
  }

  /** Its operations within a transaction without conditions. */
  operations(): readonly RequestOp[] {
    return this.#compare.length === 0 ? this.#success : [{ requestTxn: this.alone() }];
  }

  /** What became of it, from the answer to {@link alone}. */
  resultAlone({ succeeded, responses }: TxnResponse, revision: number): WriteResult {
    return succeeded || this.#compare.length === 0
      ? { applied: true, revision }
      : { applied: false, current: this.#current(responses, revision) };
  }

  /** What became of it, from the answers to {@link operations}. */
  result(answers: readonly ResponseOp[], revision: number): WriteResult {
    const answer = answers[0]?.responseTxn;
    return this.#compare.length > 0 && answer !== undefined
      ? this.resultAlone(answer, revision)
      : { applied: true, revision };
  }

  #comparison(condition: Condition): Compare {
    const key = Buffer.from(this.#key(condition.record));
    if ("value" in condition) {
      return { target: Compare_CompareTarget.VALUE, key, value: condition.value };
    }
    // Of a key that is not there etcd takes all numbers for 0.
    return { target: Compare_CompareTarget.MOD, key, modRevision: BigInt(condition.revision) };
  }

  #operation(
    change: Change,
    leaseOf: (change: Change & { kind: "put-host" }) => bigint,
    guarded: boolean,
  ): RequestOp {
    const key = Buffer.from(this.#key(recordOf(change)));
    switch (change.kind) {
      case "put-info":
        return { requestPut: { key, value: change.value } };
      case "put-host":
        return { requestPut: { key, value: change.value, lease: leaseOf(change) } };
      case "delete-host":
        return { requestDeleteRange: { key } };
      case "replace-host": {
        const put = { key, value: change.value, ignoreLease: true };
        // Not nested without need: older etcds ask for no permission for what is (GHSA-rfx7-8w68-q57q).
        if (!guarded) return { requestPut: put };
        // To keep the lease of a key that is not there is an error, which would fail all.
        const absent = { target: Compare_CompareTarget.VERSION, key, version: 0n };
        return {
          requestTxn: { compare: [absent], success: [], failure: [{ requestPut: put }] },
        };
      }
    }
  }

  /** Reads the records that the conditions name. */
  #failure(): RequestOp[] {
    return this.#named.map((record) => ({ requestRange: oneKey(this.#key(record)) }));
  }

  #current(responses: readonly ResponseOp[], revision: number): Listing {
    const found = responses.map(({ responseRange }) => responseRange?.kvs[0]);
    const infoAt = this.#named.findIndex(({ kind }) => kind === "info");
    const info = infoAt === -1 ? undefined : found[infoAt];
    const hosts = found.flatMap((it, index) => (it === undefined || index === infoAt ? [] : [it]));
    return {
      revision,
      info: info === undefined ? undefined : new ListedRecord(this.#service, info),
      hosts: hostRecords(hosts, Buffer.byteLength(hostsPrefix(this.#prefix, this.#service))),
    };
  }

  #key(record: RecordName): string {
    return record.kind === "info"
      ? infoKey(this.#prefix, this.#service)
      : hostKey(this.#prefix, this.#service, record.id);
  }
}

/** Whether it can hold only if there is such a record. */
function wantsRecord(condition: Condition): boolean {
  return "value" in condition || condition.revision > 0;
}

function recordOf(change: Change): RecordName {
  return change.kind === "put-info" ? { kind: "info" } : { kind: "host", id: change.id };
}
