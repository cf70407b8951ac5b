/** What would move the cursor, change colours, or show text in another order than it is in. */
const unprintable = /[\p{Cc}\u061C\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/gu;

/** Text from elsewhere, such as a record on etcd, made fit for a terminal: whatever could act on it is shown as an escape. */
export function terminalText(text: string): string {
  return text.toWellFormed().replace(unprintable, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** JSON that is fit for a terminal, too, and means the same: what could act on it is escaped. */
export function terminalJson(value: object): string {
  return JSON.stringify(value).replace(unprintable, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
