import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The entries of `exports` that are modules, as what a user writes: `name` or `name/sub`. */
export function moduleEntries(manifest) {
  return Object.entries(manifest.exports)
    .filter(([, target]) => typeof target === "object")
    .map(([entry, target]) => ({
      specifier: join(manifest.name, entry).replaceAll("\\", "/"),
      entry,
      target,
    }));
}

/** The peer dependencies that the built module of an entry imports. */
export function peersOf(manifest, root, { target }) {
  const source = readFileSync(join(root, target.default), "utf8");
  return Object.keys(manifest.peerDependencies).filter((name) => source.includes(`from "${name}"`));
}

/**
 * What is wrong between `exports` and the files of the packed package in `folder`: targets that do
 * not exist, files that a user could take for an entry and that are none, files that have no
 * business in a package. An `index.js` in a folder of `dist/` is what makes an entry.
 */
export function disagreements(manifest, folder) {
  const found = [];
  const targets = new Set();
  for (const [entry, target] of Object.entries(manifest.exports)) {
    const conditions = typeof target === "string" ? { default: target } : target;
    const names = Object.keys(conditions).join();
    if (typeof target === "object" && names !== "types,default") {
      found.push(`${entry}: its conditions are "${names}", not "types,default"`);
    }
    for (const path of Object.values(conditions)) {
      targets.add(path);
      if (!existsSync(join(folder, path))) found.push(`${entry}: ${path} does not exist`);
    }
  }
  for (const path of [manifest.types, ...Object.values(manifest.bin ?? {})]) {
    if (!existsSync(join(folder, path))) found.push(`package.json: ${path} does not exist`);
  }
  for (const path of readdirSync(join(folder, "dist"), { recursive: true })) {
    const target = `./dist/${path.replaceAll("\\", "/")}`;
    if (target.endsWith("/index.js") && !targets.has(target)) {
      found.push(`${target} looks like an entry but is not in exports`);
    }
    // The page of the dashboard is files that browsers ask for; what is bundled comes with its licence.
    const asIs = target.startsWith("./dist/dashboard/") || target.endsWith("/LICENSES.txt");
    if (!asIs && !/(\.js|\.js\.map|\.d\.ts|\/[^.]+)$/.test(target))
      found.push(`${target} has no business in dist`);
  }
  const expected = ["CHANGELOG.md", "LICENSE", "README.md", "dist", "docs", "package.json"];
  const shipped = readdirSync(folder).toSorted();
  for (const name of expected) if (!shipped.includes(name)) found.push(`${name} is missing`);
  for (const name of shipped)
    if (!expected.includes(name)) found.push(`${name} should not be shipped`);
  return found;
}
