// The page of the dashboard: one script, one style sheet, one icon, and what their licences ask for.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { licencesOf, packagesIn } from "./licences.mjs";

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
  const { output } = await bundle.write({
    file: join(folder, "page.js"),
    format: "esm",
    minify: true,
    sourcemap: false,
  });
  await bundle.close();
  for (const name of ["index.html", "page.css", "favicon.svg"]) {
    cpSync(join(source, name), join(folder, name));
  }
  const licences = licencesOf(join(root, "node_modules"), packagesIn(output));
  writeFileSync(join(folder, "LICENSES.txt"), licences);
}
