import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { fences, root } from "./pages.ts";

const script = "scripts/paste-examples.mjs";

function paste(folder: string, ...args: string[]): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, script), ...args], {
    encoding: "utf8",
  });
  return { code: status, output: stdout + stderr };
}

test("pages show programs of examples/ as they are", () => {
  expect(fences.filter(({ marks }) => "from" in marks).length).toBeGreaterThan(3);
  expect(paste(root, "--check")).toEqual({ code: 0, output: "" });
});

test("a page that shows another program than the one there is, is found and mended", async () => {
  await using folder = await temporaryFolder();
  for (const path of ["scripts", "docs", "examples"]) mkdirSync(join(folder.path, path));
  cpSync(join(root, script), join(folder.path, script));
  writeFileSync(join(folder.path, "examples/a.js"), "// @ts-check\none();\n");
  const page = join(folder.path, "docs/page.md");
  const block = '# Page\n\n```js from="examples/a.js"\nCODE```\n\n```js\nother();\n```\n';
  writeFileSync(join(folder.path, "README.md"), "# Readme\n");
  writeFileSync(page, block.replace("CODE", "two();\n"));
  expect(paste(folder.path, "--check")).toMatchObject({
    code: 1,
    output: expect.stringContaining("page.md") as string,
  });
  expect(paste(folder.path).code).toBe(0);
  expect(readFileSync(page, "utf8")).toBe(block.replace("CODE", "one();\n"));
  expect(paste(folder.path, "--check")).toEqual({ code: 0, output: "" });
});
