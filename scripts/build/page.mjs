// The page of the dashboard: one script, one style sheet, one icon, and what their licences ask for.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

/** What is bundled into the page, and so has to come with its licence. */
const bundled = ["preact", "@preact/signals", "@preact/signals-core"];

/**
 * Type-checks the page and builds it.
 *
 * @param {{ root: string, compiler: string, folder: string }} paths
 */
export async function buildPage({ root, compiler, folder }) {
  const source = join(root, "src", "dashboard", "page");
  execFileSync(process.execPath, [compiler, "-p", source, "--noEmit"], {
    cwd: root,
    stdio: "inherit",
  });
  mkdirSync(folder, { recursive: true });
  const bundle = await rolldown({
    input: join(source, "main.tsx"),
    platform: "browser",
    tsconfig: join(source, "tsconfig.json"),
  });
  await bundle.write({
    file: join(folder, "page.js"),
    format: "esm",
    minify: true,
    sourcemap: false,
  });
  await bundle.close();
  for (const name of ["index.html", "page.css", "favicon.svg"]) {
    cpSync(join(source, name), join(folder, name));
  }
  const modules = join(root, "node_modules");
  const licences = bundled.map((name) => licenceOf(modules, name)).join("\n");
  writeFileSync(join(folder, "LICENSES.txt"), licences);
}

function licenceOf(modules, name) {
  const text = readFileSync(join(modules, name, "LICENSE"), "utf8");
  return `${name}\n${"-".repeat(name.length)}\n\n${text}`;
}
