import { isHostId } from "../../model/keys.ts";

/** What ends each part of a key but the last. */
export const slash = 0x2f;

/** Keys as etcd wants a range of them: from `key` up to, but without, `rangeEnd`, or `key` alone. */
export interface KeyRange {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array | undefined;
}

/** The range of one key alone. */
export function oneKey(key: string): KeyRange {
  return { key: Buffer.from(key) };
}

/** The range of all keys with a prefix, which is not empty and ends in an ASCII character. */
export function prefixRange(prefix: string): KeyRange {
  const key = Buffer.from(prefix);
  return { key, rangeEnd: afterPrefix(prefix) };
}

/** The first key that comes after all keys with a prefix, which ends in an ASCII character. */
export function afterPrefix(prefix: string): Uint8Array {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end[last] = (end[last] ?? 0) + 1;
  return end;
}

/** The first key that comes after this one. */
export function afterKey(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}

/** The id of the host that a key within a range of hosts belongs to; undefined for a foreign key. */
export function hostIdOf(key: Uint8Array, prefixLength: number): string | undefined {
  const id = textOf(key.subarray(prefixLength));
  return id !== undefined && isHostId(id) ? id : undefined;
}

/** The text of a key; undefined if it is not UTF-8. */
export function textOf(key: Uint8Array): string | undefined {
  try {
    return utf8.decode(key);
  } catch {
    return undefined;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of a part that holds nothing but ASCII. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

/** In the order in which etcd sorts keys, which is not that of JavaScript beyond U+FFFF. */
export function sortedByBytes(texts: Iterable<string>): string[] {
  return Array.from(texts, (text) => ({ text, bytes: Buffer.from(text) }))
    .sort((left, right) => Buffer.compare(left.bytes, right.bytes))
    .map(({ text }) => text);
}
