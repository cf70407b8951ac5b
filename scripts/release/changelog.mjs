const heading = "## [Unreleased]";

/** Where the part under _Unreleased_ begins and ends. */
function bounds(text) {
  const at = text.indexOf(`${heading}\n`);
  if (at === -1) throw new Error(`CHANGELOG.md has no "${heading}"`);
  const begin = at + heading.length + 1;
  const next = text.indexOf("\n## ", begin);
  return { begin, end: next === -1 ? text.length : next + 1 };
}

/** What is new since the last version. Throws if that is nothing. */
export function unreleasedOf(text) {
  const { begin, end } = bounds(text);
  const news = text.slice(begin, end).trim();
  if (!/^- /m.test(news)) throw new Error(`CHANGELOG.md has nothing under "${heading}"`);
  return news;
}

/** The text with what is new as a version of its own, and an empty _Unreleased_ above it. */
export function withVersion(text, version, date) {
  const { begin, end } = bounds(text);
  const news = unreleasedOf(text);
  const rest = text.slice(end);
  return `${text.slice(0, begin)}\n## [${version}] - ${date}\n\n${news}\n${rest === "" ? "" : `\n${rest}`}`;
}
