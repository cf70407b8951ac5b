import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { moduleEntries } from "../package/entries.mjs";

export const root = dirname(dirname(import.meta.dirname));
const folder = join(root, "tools/api");

function modifiedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/**
 * The tools that read declarations. They live in a folder of their own, with a TypeScript of their
 * own, and are installed when they are first needed, or when others are wanted.
 */
export function apiTools() {
  const installedAt = modifiedAt(join(folder, "node_modules/.package-lock.json"));
  if (installedAt < modifiedAt(join(folder, "package-lock.json"))) {
    console.log("installing the tools in tools/api…");
    const npm = process.platform === "win32" ? "npm.cmd" : "npm";
    execFileSync(npm, ["ci", "--prefer-offline", "--no-audit", "--no-fund"], {
      ...{ cwd: folder, stdio: ["ignore", "ignore", "inherit"] },
    });
  }
  const require = createRequire(join(folder, "package.json"));
  return { require, typedoc: join(folder, "node_modules/typedoc/bin/typedoc") };
}

/** The entries of package.json: what they are called, where their declarations and their sources are. */
export function apiEntries() {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return moduleEntries(manifest).map(({ entry, target }) => ({
    name: entry === "." ? "index" : entry.slice(2).replaceAll("/", "-"),
    declarations: join(root, target.types),
    source: join(root, target.types.replace(/^\.\/dist\//, "src/").replace(/\.d\.ts$/, ".ts")),
  }));
}
