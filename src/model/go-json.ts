import { isAscii, isEmpty, type Strings } from "./strings.ts";

/** A JSON string. */
export function jsonString(text: string): string {
  return JSON.stringify(text.toWellFormed());
}

/** A JSON object of strings, sorted by the bytes of their names as Go sorts the keys of a map. */
export function jsonStrings(strings: Strings): string {
  let members = "";
  for (const name of Object.keys(strings).sort(byBytes)) {
    members += `${members && ","}${jsonString(name)}:${jsonString(strings[name] ?? "")}`;
  }
  return `{${members}}`;
}

/** The order of the bytes in UTF-8, which is that of the code points, but not of UTF-16. */
function byBytes(a: string, b: string): number {
  if (isAscii(a) && isAscii(b)) return a < b ? -1 : 1;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** One more member of a JSON object, or nothing if its value is empty: Go's `omitempty`. */
export function omitEmpty(name: string, value: string | boolean | Strings | undefined): string {
  if (typeof value === "string") return value === "" ? "" : `,"${name}":${jsonString(value)}`;
  if (typeof value === "object") return isEmpty(value) ? "" : `,"${name}":${jsonStrings(value)}`;
  return value === true ? `,"${name}":true` : "";
}

/**
 * JSON without white space as the bytes that Go's `json.Marshal` writes: the five characters that
 * HTML or JavaScript would trip over are escaped. They can stand in strings only.
 */
export function goBytes(json: string): Uint8Array {
  return Buffer.from(json.replace(/[<>&\u2028\u2029]/g, escaped));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
