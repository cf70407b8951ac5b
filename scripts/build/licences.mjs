// What the licences of bundled packages ask for: their texts.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The names of the packages that the chunks of a bundle are made of. */
export function packagesIn(chunks) {
  const ids = chunks.flatMap((chunk) => chunk.moduleIds ?? []);
  const names = ids.flatMap((id) => {
    const [, name] =
      /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id.replaceAll("\\", "/")) ?? [];
    return name === undefined ? [] : [name];
  });
  return [...new Set(names)].toSorted((a, b) => a.localeCompare(b));
}

/** The texts of the licences of packages, one after the other. Throws for a package that has none. */
export function licencesOf(modules, names) {
  return names.map((name) => licenceOf(join(modules, name), name)).join("\n");
}

function licenceOf(folder, name) {
  const file = readdirSync(folder).find((each) => /^licen[cs]e(\.|$)/i.test(each));
  const { license, author } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const by = typeof author === "object" ? author.name : author;
  const text =
    file === undefined ? told(name, license, by) : readFileSync(join(folder, file), "utf8");
  return `${name}\n${"-".repeat(name.length)}\n\n${text.trim()}\n`;
}

function told(name, license, by) {
  if (typeof license !== "string") throw new Error(`${name} says nothing of its licence`);
  return `Licence: ${license}${by === undefined ? "" : `, by ${by}`}`;
}
