/** One command of a block of shell: its words, with lines joined that end in a backslash. */
export interface ShellCommand {
  /** As it stands there. */
  readonly text: string;
  readonly words: readonly string[];
}

/** The commands of a block, without its comments; those joined by `&&` and `;` one by one. */
export function commandsOf(text: string): ShellCommand[] {
  return text
    .replaceAll(/\\\n\s*/g, " ")
    .replaceAll(/(^|\s)#.*$/gm, "")
    .split(/\n|&&|;/)
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => ({ text: line, words: wordsOf(line) }));
}

/** Words by white space, with those in quotes in one; variables that are set before a command are left out. */
function wordsOf(line: string): string[] {
  const words = Array.from(line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g), ([word]) =>
    word.replaceAll(/["']/g, ""),
  );
  const first = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
  return words.slice(first);
}
