import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { pages, root, textOf } from "./pages.ts";

const linked = [
  ...pages,
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "examples/README.md",
  "src/integrations/README.md",
];

test("every link within the repository leads somewhere, to a heading that is there too", () => {
  const broken = linked.flatMap((page) =>
    linksOf(textOf(page))
      .filter((link) => !leads(page, link))
      .map((link) => `${page}: ${link}`),
  );
  expect(broken).toEqual([]);
});

test("every guide is told of in the index", () => {
  const named = linksOf(textOf("docs/README.md"));
  const guides = pages.filter((page) => page.startsWith("docs/") && page !== "docs/README.md");
  expect(guides.filter((page) => !named.includes(relative("docs", page)))).toEqual([]);
});

/** Targets of links and pictures that are no urls. */
function linksOf(text: string): string[] {
  const prose = text.replaceAll(/^```[^]*?^```$/gm, "");
  return Array.from(prose.matchAll(/\]\(([^)\s]+)\)/g), ([, target = ""]) => target).filter(
    (target) => !/^[a-z]+:/.test(target),
  );
}

function leads(page: string, link: string): boolean {
  const [path = "", heading] = link.split("#");
  const target = path === "" ? page : join(dirname(page), path);
  if (!existsSync(join(root, target))) return false;
  if (heading === undefined) return true;
  return anchorsOf(textOf(target)).includes(heading);
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  const prose = text.replaceAll(/^```[^]*?^```$/gm, "");
  return Array.from(prose.matchAll(/^#+ (.*)$/gm), ([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(/\s/g, "-"),
  );
}
