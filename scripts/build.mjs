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
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { licencesOf, packagesIn } from "./build/licences.mjs";
import { buildPage } from "./build/page.mjs";

const root = dirname(import.meta.dirname);
const dist = join(root, "dist");
// A sibling of dist/, as source maps point to the sources by relative paths.
const fresh = join(root, `.build-${process.pid}`);
const compiled = join(fresh, "declarations");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const entries = [
  "index",
  "testing/index",
  "integrations/fetch/index",
  "integrations/grpc/index",
  "integrations/prometheus/index",
];
/** What a program that was bundled cannot ask package.json for. */
const define = { packageVersion: JSON.stringify(manifest.version) };
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

/** Every declaration file that a user's compiler can come to from those of the entries. */
function reachable(declarations, found = new Set()) {
  for (const path of declarations) {
    if (found.has(path)) continue;
    found.add(path);
    const text = readFileSync(join(compiled, path), "utf8");
    const imports = [...text.matchAll(/from "(\.{1,2}\/[^"]+)\.ts"/g)];
    reachable(
      imports.map(([, target]) => `${join(dirname(path), target)}.d.ts`),
      found,
    );
  }
  return found;
}

try {
  const options = ["--outDir", compiled, "--emitDeclarationOnly"];
  execFileSync(process.execPath, [compiler, "-p", "tsconfig.build.json", ...options], {
    cwd: root,
    stdio: "inherit",
  });

  // One file an entry, one for the driver that is loaded on demand, and one for whatever several of
  // them share: Node takes longer to find a hundred small files than to run them.
  const bundle = await rolldown({
    input: Object.fromEntries(entries.map((entry) => [entry, join(root, "src", `${entry}.ts`)])),
    platform: "node",
    transform: { define },
    external: [
      /^node:/,
      ...Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).map(
        (name) => new RegExp(`^${name}(/|$)`),
      ),
    ],
  });
  await bundle.write({
    dir: fresh,
    format: "esm",
    sourcemap: true,
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
  });
  await bundle.close();

  // The command is one program with all it needs, its commands loaded on demand.
  const command = await rolldown({
    input: { main: join(root, "src/cli/main.ts") },
    platform: "node",
    transform: { target: "node20", define },
    external: /^node:/,
  });
  const { output } = await command.write({
    dir: join(fresh, "cli"),
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
  });
  await command.close();
  const licences = licencesOf(join(root, "node_modules"), packagesIn(output));
  writeFileSync(join(fresh, "cli/LICENSES.txt"), licences);
  await buildPage({ root, compiler, folder: join(fresh, "dashboard") });
  for (const path of reachable(entries.map((entry) => `${entry}.d.ts`))) {
    mkdirSync(dirname(join(fresh, path)), { recursive: true });
    cpSync(join(compiled, path), join(fresh, path));
  }

  rmSync(compiled, { recursive: true });
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
