import type { StoredRecord } from "../store.ts";
import { asciiText, hostIdOf, slash } from "./keys.ts";
import { KeyValue } from "./gen/etcd.ts";

/**
 * A record of a listing, decoded when it is first read: most lookups need one of many. It is a part
 * of the buffer in which the answer came, and holds all of that in memory.
 */
export class ListedRecord implements StoredRecord {
  #id: string | Part;
  readonly #encoded: Uint8Array;

  /** @param id the id, or the plain ASCII part of the encoded key that it is */
  constructor(id: string | Part, encoded: Uint8Array) {
    this.#id = id;
    this.#encoded = encoded;
  }

  get id(): string {
    if (typeof this.#id !== "string") {
      this.#id = asciiText(this.#encoded, this.#id.start, this.#id.end);
    }
    return this.#id;
  }

  get value(): Uint8Array {
    return plain(valueOf(this.#encoded));
  }

  get revision(): number {
    return revisionOf(this.#encoded);
  }
}

/** Where in an encoded `KeyValue` something lies. */
interface Part {
  readonly start: number;
  readonly end: number;
}

/** A record that an event brought. */
export function eventRecord(id: string, keyValue: KeyValue): StoredRecord {
  return { id, value: plain(keyValue.value), revision: Number(keyValue.modRevision) };
}

/** The same bytes, not as a `Buffer`: its `slice()` makes no copy. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The key of an encoded `KeyValue`. */
export function keyOf(encoded: Uint8Array): Uint8Array {
  const part = keyPart(encoded);
  return part === undefined ? keyValueOf(encoded).key : encoded.subarray(part.start, part.end);
}

/** Where the key lies if it comes first, as etcd writes its messages. */
function keyPart(encoded: Uint8Array): Part | undefined {
  return bytesAt(encoded, 0, 0x0a);
}

/** The bytes of the field that begins here, if it has this tag. */
function bytesAt(encoded: Uint8Array, start: number, tag: number): Part | undefined {
  if (encoded[start] !== tag) return undefined;
  let length = 0;
  for (let index = start + 1, shift = 0; shift < 28; index += 1, shift += 7) {
    const byte = encoded[index] ?? 0x80;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return { start: index + 1, end: index + 1 + length };
  }
  return undefined;
}

/** The revision that wrote an encoded `KeyValue`. */
export function revisionOf(encoded: Uint8Array): number {
  const created = keyPart(encoded)?.end ?? 0;
  const written = afterNumber(encoded, created, 0x10);
  const value = afterNumber(encoded, written, 0x18);
  if (value === 0) return Number(keyValueOf(encoded).modRevision);
  let revision = 0;
  for (let index = value - 1; index > written; index -= 1) {
    revision = revision * 0x80 + ((encoded[index] ?? 0) & 0x7f);
  }
  return revision;
}

/** The value of an encoded `KeyValue`, not copied. Decoding all of it takes five times as long. */
function valueOf(encoded: Uint8Array): Uint8Array {
  const created = keyPart(encoded)?.end ?? 0;
  const written = afterNumber(encoded, created, 0x10);
  const version = afterNumber(encoded, written, 0x18);
  const value = bytesAt(encoded, afterNumber(encoded, version, 0x20), 0x2a);
  // Also an empty value, which is not sent.
  return value === undefined ? keyValueOf(encoded).value : encoded.subarray(value.start, value.end);
}

/** Where the field ends that begins here, if it is a number with this tag; else 0. */
function afterNumber(encoded: Uint8Array, start: number, tag: number): number {
  if (start === 0 || encoded[start] !== tag) return 0;
  let index = start + 1;
  while ((encoded[index] ?? 0) >= 0x80) index += 1;
  return index + 1;
}

/** An encoded `KeyValue`, decoded. */
export function keyValueOf(encoded: Uint8Array): KeyValue {
  return KeyValue.decode(encoded);
}

/** The hosts among the keys of a service's range, each an encoded `KeyValue`; foreign keys are left out. */
export function hostRecords(
  encodedKeyValues: readonly Uint8Array[],
  prefixLength: number,
): ListedRecord[] {
  const records: ListedRecord[] = [];
  for (const encoded of encodedKeyValues) {
    const id = plainId(encoded, prefixLength) ?? hostIdOf(keyOf(encoded), prefixLength);
    if (id !== undefined) records.push(new ListedRecord(id, encoded));
  }
  return records;
}

/** Where an id lies that is certainly one, as nearly all are; it need not be made a string to know. */
function plainId(encoded: Uint8Array, prefixLength: number): Part | undefined {
  const key = keyPart(encoded);
  if (key === undefined) return undefined;
  const start = key.start + prefixLength;
  if (key.end - start < 3) return undefined;
  for (let index = start; index < key.end; index += 1) {
    const byte = encoded[index] ?? 0;
    if (byte <= 0x20 || byte >= 0x7f || byte === slash) return undefined;
  }
  return { start, end: key.end };
}
