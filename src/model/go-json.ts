import { isAscii } from "./strings.ts";

/** The members of a JSON object in their order; those that are `undefined` are left out. */
export type Members = readonly (readonly [name: string, json: string | undefined])[];

/** A JSON string. */
export function jsonString(text: string): string {
  return JSON.stringify(text.toWellFormed());
}

/** A JSON object of strings, sorted by the bytes of their names as Go sorts the keys of a map. */
export function jsonStrings(strings: Readonly<Record<string, string>>): string {
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

/**
 * The bytes of a JSON object as Go's `json.Marshal` writes them: without white space, and with the
 * five characters escaped that HTML or JavaScript would trip over.
 */
export function goJson(members: Members): Uint8Array {
  let text = "";
  for (const [name, json] of members) {
    if (json !== undefined) text += `${text && ","}"${name}":${json}`;
  }
  return Buffer.from(`{${text}}`.replace(/[<>&\u2028\u2029]/g, escaped));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
