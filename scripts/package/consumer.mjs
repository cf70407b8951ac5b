import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./run.mjs";

const compilerOptions = {
  target: "es2022",
  lib: ["es2022"],
  module: "nodenext",
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  noEmit: true,
};

/** Makes the empty `folder` that of a user's own package. */
export function createConsumer(folder) {
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true }));
}

/** Installs packages in `folder`, as a user does, and returns what is installed then. */
export function install(folder, ...packages) {
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  run(
    npm,
    ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", ...packages],
    {
      cwd: folder,
    },
  );
  return readdirSync(join(folder, "node_modules")).flatMap((name) => {
    if (name.startsWith(".")) return [];
    if (!name.startsWith("@")) return [name];
    return readdirSync(join(folder, "node_modules", name)).map((part) => `${name}/${part}`);
  });
}

/**
 * Loads one entry in a process of its own, with `import` and with `require`. Both must give the
 * same names, print nothing, and let the process end by itself.
 */
export function load(folder, specifier) {
  const names = (source, type) =>
    run(process.execPath, ["--no-warnings", `--input-type=${type}`, "-e", source], {
      cwd: folder,
      timeout: 20_000,
    });
  const text = JSON.stringify(specifier);
  const print = "console.log(Object.keys(entry).filter((n) => n !== '__esModule').sort().join())";
  const imported = names(`import * as entry from ${text}; ${print}`, "module");
  const required = names(`const entry = require(${text}); ${print}`, "commonjs");
  if (imported.trim() === "") throw new Error(`${specifier} exports nothing`);
  if (imported !== required) {
    throw new Error(`import gives\n  ${imported}require gives\n  ${required}`);
  }
  return imported.trim().split(",").length;
}

/** Type-checks a user's modules, ESM and CommonJS, that use every entry; `tools` holds the compiler. */
export function typeCheck(folder, specifiers, tools) {
  mkdirSync(join(folder, "node_modules", "@types"), { recursive: true });
  symlinkSync(
    join(tools, "@types", "node"),
    join(folder, "node_modules", "@types", "node"),
    "junction",
  );
  specifiers.forEach((specifier, index) => {
    const text = JSON.stringify(specifier);
    const use = `export const names: string[] = Object.keys(entry);\n`;
    writeFileSync(join(folder, `entry${index}.mts`), `import * as entry from ${text};\n${use}`);
    writeFileSync(join(folder, `entry${index}.cts`), `import entry = require(${text});\n${use}`);
  });
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions, include: ["*.mts", "*.cts"] }),
  );
  run(process.execPath, [join(tools, "typescript", "bin", "tsc"), "-p", folder], { cwd: folder });
}
