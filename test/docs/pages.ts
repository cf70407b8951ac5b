import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const root: string = join(import.meta.dirname, "../..");

/** A block of code on a page: what stands between two lines of three backticks. */
export interface Fence {
  readonly page: string;

  /** The line of the page that it begins in. */
  readonly line: number;
  readonly language: string;

  /** What follows the language, such as `forever` and `prints="…"`; CONTRIBUTING.md tells of all. */
  readonly marks: Readonly<Record<string, string>>;
  readonly text: string;

  /** The page and the line, for messages. */
  readonly name: string;
}

/** The pages that users read: those of which every block has to be true. */
export const pages: readonly string[] = [
  "README.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".md"))
    .map((path) => `docs/${path.replaceAll("\\", "/")}`)
    .toSorted(),
];

export function textOf(page: string): string {
  return readFileSync(join(root, page), "utf8");
}

/** All blocks of a page, in their order. */
function fencesOf(page: string): Fence[] {
  const text = textOf(page);
  const found: Fence[] = [];
  const block = /^```(\S*)(.*)\n([^]*?)^```$/gm;
  for (const { 1: language = "", 2: info = "", 3: code = "", index } of text.matchAll(block)) {
    const line = text.slice(0, index).split("\n").length;
    const marks = Object.fromEntries(
      Array.from(info.matchAll(/([\w-]+)(?:="([^"]*)")?/g), ([, name = "", value = ""]) => [
        name,
        value,
      ]),
    );
    found.push({ page, line, language, marks, text: code, name: `${page}:${line}` });
  }
  return found;
}

export const fences: readonly Fence[] = pages.flatMap((page) => fencesOf(page));
