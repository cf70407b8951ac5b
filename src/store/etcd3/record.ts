import { fromBinary } from "@bufbuild/protobuf";
import type { StoredRecord } from "../store.ts";
import { hostIdOf } from "./keys.ts";
import { type KeyValue, KeyValueSchema } from "./gen/etcd_pb.js";

/**
 * A record of a listing, decoded when it is first read: most lookups need one of many.
 *
 * Until then it is a part of the buffer in which the answer came, and holds all of it in memory.
 * Reading copies what is read and lets go of the buffer, so that whoever keeps a record after
 * having read it keeps that record alone.
 */
export class ListedRecord implements StoredRecord {
  readonly id: string;
  #encoded: Uint8Array | undefined;
  #value: Uint8Array | undefined;
  #revision = 0;

  constructor(id: string, encoded: Uint8Array) {
    this.id = id;
    this.#encoded = encoded;
  }

  get value(): Uint8Array {
    this.#decode();
    return this.#value ?? new Uint8Array(0);
  }

  get revision(): number {
    this.#decode();
    return this.#revision;
  }

  #decode(): void {
    if (this.#encoded === undefined) return;
    const keyValue = fromBinary(KeyValueSchema, this.#encoded);
    this.#value = new Uint8Array(keyValue.value);
    this.#revision = Number(keyValue.modRevision);
    this.#encoded = undefined;
  }
}

/** A record that an event brought; a copy, so that it does not hold the whole message in memory. */
export function eventRecord(id: string, keyValue: KeyValue): StoredRecord {
  return {
    id,
    value: new Uint8Array(keyValue.value),
    revision: Number(keyValue.modRevision),
  };
}

/** The key of an encoded `KeyValue`. It comes first, as etcd writes its messages, or is found the long way. */
export function keyOf(encoded: Uint8Array): Uint8Array {
  const low = encoded[1] ?? 0;
  if (encoded[0] === 0x0a) {
    if (low < 0x80) return encoded.subarray(2, 2 + low);
    const high = encoded[2] ?? 0x80;
    if (high < 0x80) return encoded.subarray(3, 3 + ((high << 7) | (low & 0x7f)));
  }
  return fromBinary(KeyValueSchema, encoded).key;
}

/** An encoded `KeyValue`, decoded. */
export function keyValueOf(encoded: Uint8Array): KeyValue {
  return fromBinary(KeyValueSchema, encoded);
}

/** The hosts among the keys of a service's range, each an encoded `KeyValue`; foreign keys are left out. */
export function hostRecords(
  encodedKeyValues: readonly Uint8Array[],
  prefixLength: number,
): ListedRecord[] {
  const records: ListedRecord[] = [];
  for (const encoded of encodedKeyValues) {
    const id = hostIdOf(keyOf(encoded), prefixLength);
    if (id !== undefined) records.push(new ListedRecord(id, encoded));
  }
  return records;
}
