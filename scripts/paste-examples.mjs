// Pastes programs of examples/ into the pages that show them: blocks of code with the mark
// from="examples/…". With --check it changes nothing and fails where a page shows something else.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = dirname(import.meta.dirname);
const check = process.argv.includes("--check");
const guides = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" });
const pages = ["README.md", ...guides.map((path) => join("docs", path))].filter((path) =>
  path.endsWith(".md"),
);

/** A program as pages show it: without what is for tools only. */
function shown(path) {
  return readFileSync(join(root, path), "utf8").replace(/^\/\/ @ts-check\n/, "");
}

const changed = [];
for (const page of pages) {
  const text = readFileSync(join(root, page), "utf8");
  const block = /^(```\S+ [^\n]*from="([^"]+)"[^\n]*\n)[^]*?^```$/gm;
  const pasted = text.replaceAll(block, (_, head, path) => `${head}${shown(path)}\`\`\``);
  if (pasted === text) continue;
  changed.push(page);
  if (!check) writeFileSync(join(root, page), pasted);
}

if (check && changed.length > 0) {
  console.error(`not as in examples/: ${changed.join(", ")}; run \`npm run docs:paste\``);
  process.exitCode = 1;
} else for (const page of changed) console.log(`pasted into ${page}`);
