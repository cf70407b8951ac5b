/** Strings by name, such as ports or metadata. */
export type Strings = Readonly<Record<string, string>>;

/**
 * An empty map of strings that inherits nothing, so that a name such as `constructor` or `__proto__`
 * is found only if it was put there.
 */
export function newStrings(): Record<string, string> {
  // What Object.create(null) makes is a hash table, four times as large: maps of hosts come by thousands.
  return Object.setPrototypeOf({}, null) as Record<string, string>;
}

/** A frozen map of these strings that inherits nothing. */
export function frozenStrings(entries: Iterable<readonly [name: string, value: string]>): Strings {
  const strings = newStrings();
  for (const [name, value] of entries) strings[name] = value;
  return Object.freeze(strings);
}

/** No strings. */
export const noStrings: Strings = frozenStrings([]);

/** Whether there is nothing in it. */
export function isEmpty(strings: Strings): boolean {
  for (const _ in strings) return false;
  return true;
}

/** Whether both have the same strings by the same names. */
export function isSame(one: Strings, other: Strings): boolean {
  for (const name in one) if (one[name] !== other[name]) return false;
  for (const name in other) if (one[name] === undefined) return false;
  return true;
}

/** Whether each character is one byte in UTF-8. */
export function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}
