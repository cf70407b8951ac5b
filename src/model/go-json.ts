/** The members of a JSON object in their order; those that are `undefined` are left out. */
export type Members = readonly (readonly [name: string, json: string | undefined])[];

/** A JSON string. */
export function jsonString(text: string): string {
  return JSON.stringify(text.toWellFormed());
}

/** A JSON object of strings, sorted by the bytes of their names as Go sorts the keys of a map. */
export function jsonStrings(strings: Readonly<Record<string, string>>): string {
  const names = Object.keys(strings);
  if (names.length > 1) names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${names.map((name) => `${jsonString(name)}:${jsonString(strings[name] ?? "")}`).join(",")}}`;
}

/**
 * The bytes of a JSON object as Go's `json.Marshal` writes them: without white space, and with the
 * five characters escaped that HTML or JavaScript would trip over.
 */
export function goJson(members: Members): Uint8Array {
  const present = members.filter(([, json]) => json !== undefined);
  const text = `{${present.map(([name, json]) => `"${name}":${json}`).join(",")}}`;
  return Buffer.from(text.replace(/[<>&\u2028\u2029]/g, escaped));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
