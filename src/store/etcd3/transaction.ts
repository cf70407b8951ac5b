import type { MessageInitShape } from "@bufbuild/protobuf";
import { hostKey, hostsPrefix, infoKey } from "../../model/keys.ts";
import type { Change, Condition, Listing, RecordName, Write, WriteResult } from "../store.ts";
import {
  Compare_CompareTarget,
  type CompareSchema,
  type RequestOpSchema,
  type ResponseOp,
  type TxnRequestSchema,
  type TxnResponse,
} from "./gen/etcd_pb.js";
import { oneKey, sortedByBytes } from "./keys.ts";
import { hostRecords, ListedRecord } from "./record.ts";

type TxnInit = MessageInitShape<typeof TxnRequestSchema>;
type OperationInit = MessageInitShape<typeof RequestOpSchema>;
type CompareInit = MessageInitShape<typeof CompareSchema>;

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

  /** How many operations of the outer transaction it takes. */
  readonly width: number;

  /** How many operations etcd counts below those: it adds up along the deepest path. */
  readonly depth: number;

  /** What it weighs in a request, roughly. */
  readonly bytes: number;
  readonly #prefix: string;
  readonly #service: string;
  readonly #compare: readonly CompareInit[];
  readonly #success: readonly OperationInit[];
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
    this.#success = changes.map((change) => this.#operation(change, leaseOf));

    const guarded = changes.some(({ kind }) => kind === "replace-host") ? 1 : 0;
    const conditional = conditions.length > 0;
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
  alone(): TxnInit {
    return { compare: [...this.#compare], success: [...this.#success], failure: this.#failure() };
  }

  /** Its operations within a transaction without conditions. */
  operations(): readonly OperationInit[] {
    return this.#compare.length === 0
      ? this.#success
      : [{ request: { case: "requestTxn", value: this.alone() } }];
  }

  /** What became of it, from the answer to {@link alone}. */
  resultAlone({ succeeded, responses }: TxnResponse, revision: number): WriteResult {
    return succeeded || this.#compare.length === 0
      ? { applied: true, revision }
      : { applied: false, current: this.#current(responses, revision) };
  }

  /** What became of it, from the answers to {@link operations}. */
  result(answers: readonly ResponseOp[], revision: number): WriteResult {
    const response = answers[0]?.response;
    return this.#compare.length > 0 && response?.case === "responseTxn"
      ? this.resultAlone(response.value, revision)
      : { applied: true, revision };
  }

  #comparison(condition: Condition): CompareInit {
    const key = Buffer.from(this.#key(condition.record));
    if ("value" in condition) {
      const { value } = condition;
      const targetUnion = { case: "value" as const, value };
      return { target: Compare_CompareTarget.VALUE, key, targetUnion };
    }
    // Of a key that is not there etcd takes all numbers for 0.
    const modRevision = BigInt(condition.revision);
    const targetUnion = { case: "modRevision" as const, value: modRevision };
    return { target: Compare_CompareTarget.MOD, key, targetUnion };
  }

  #operation(
    change: Change,
    leaseOf: (change: Change & { kind: "put-host" }) => bigint,
  ): OperationInit {
    const key = Buffer.from(this.#key(recordOf(change)));
    switch (change.kind) {
      case "put-info":
        return put({ key, value: change.value });
      case "put-host":
        return put({ key, value: change.value, lease: leaseOf(change) });
      case "delete-host":
        return { request: { case: "requestDeleteRange", value: { key } } };
      case "replace-host": {
        // To keep the lease of a key that is not there is an error, which would fail all.
        const targetUnion = { case: "version" as const, value: 0n };
        const absent = { target: Compare_CompareTarget.VERSION, key, targetUnion };
        const failure = [put({ key, value: change.value, ignoreLease: true })];
        return { request: { case: "requestTxn", value: { compare: [absent], failure } } };
      }
    }
  }

  /** Reads the records that the conditions name. */
  #failure(): OperationInit[] {
    return this.#named.map((record) => ({
      request: { case: "requestRange", value: oneKey(this.#key(record)) },
    }));
  }

  #current(responses: readonly ResponseOp[], revision: number): Listing {
    const found = responses.map(({ response }) =>
      response.case === "responseRange" ? response.value.kvs[0] : undefined,
    );
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

function recordOf(change: Change): RecordName {
  return change.kind === "put-info" ? { kind: "info" } : { kind: "host", id: change.id };
}

function put(value: {
  key: Uint8Array;
  value: Uint8Array;
  lease?: bigint;
  ignoreLease?: boolean;
}): OperationInit {
  return { request: { case: "requestPut", value } };
}
