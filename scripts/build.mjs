// Builds dist/ from src/. The result replaces dist/ file by file, so that a build that changes
// nothing disturbs nobody who is running from dist/, and no file outlives its source.
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(import.meta.dirname);
const dist = join(root, "dist");
// A sibling of dist/, as source maps point to the sources by relative paths.
const fresh = join(root, `.build-${process.pid}`);
const compiler = join(
  dirname(fileURLToPath(import.meta.resolve("typescript/package.json"))),
  "bin",
  "tsc",
);

/** The paths of all files below `folder`, relative to it. */
function files(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true }).filter((path) =>
    statSync(join(folder, path)).isFile(),
  );
}

function same(one, other) {
  return existsSync(other) && readFileSync(one).equals(readFileSync(other));
}

try {
  execFileSync(process.execPath, [compiler, "-p", "tsconfig.build.json", "--outDir", fresh], {
    cwd: root,
    stdio: "inherit",
  });

  const built = new Set(files(fresh));
  for (const path of files(dist)) if (!built.has(path)) rmSync(join(dist, path));
  for (const path of built) {
    if (same(join(fresh, path), join(dist, path))) continue;
    mkdirSync(dirname(join(dist, path)), { recursive: true });
    cpSync(join(fresh, path), join(dist, path));
  }
} catch (error) {
  console.error(`build: failed (${error.message})`);
  process.exitCode = 1;
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
