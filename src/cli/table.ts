import { terminalText } from "./terminal-text.ts";

/** The lines of a table without borders, its columns as wide as they have to be; cells are made safe for a terminal. */
export function tableLines(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const cells = [headers, ...rows.map((row) => row.map((cell) => terminalText(cell) || "-"))];
  const widths = headers.map((_, column) =>
    Math.max(...cells.map((row) => widthOf(row[column] ?? ""))),
  );
  return cells.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - widthOf(cell)))
      .join("   ")
      .trimEnd(),
  );
}

/** How many columns of a terminal a text takes, wide characters of East Asia counted as two. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{Mn}|\p{Me}/u.test(character)) continue;
    width +=
      /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|[\u{1F300}-\u{1FAFF}]|[\u{20000}-\u{3FFFD}]/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}
