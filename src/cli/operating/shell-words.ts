/** A command line that can be pasted into a shell. */
export function shellWords(...words: readonly string[]): string {
  return words.map(shellWord).join(" ");
}

function shellWord(word: string): string {
  if (/^[\w./:@%+=,][\w./:@%+=,-]*$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
