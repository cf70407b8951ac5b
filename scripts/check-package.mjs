// Checks the package as its users get it: packed, installed in an empty folder, imported, required
// and type-checked. Run after the build; `npm run check:package` does both.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { rolldown } from "rolldown";
import { add, install, load, typeCheck } from "./package/consumer.mjs";
import { disagreements, moduleEntries, peersOf } from "./package/entries.mjs";
import { run } from "./package/run.mjs";

const root = dirname(import.meta.dirname);
const tools = join(root, "node_modules");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const entries = moduleEntries(manifest);
const scratch = mkdtempSync(join(tmpdir(), "etcd-discovery-package-"));
const consumer = join(scratch, "consumer");
const tarball = join(scratch, `${manifest.name}-${manifest.version}.tgz`);
const installed = join(consumer, "node_modules", manifest.name);

/** Runs a development tool of this repository by its `bin` name. */
function tool(name, args) {
  return run(join(tools, ".bin", name), args, { cwd: root });
}

function refuse(problems) {
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

async function bundledSize() {
  const bundle = await rolldown({
    input: join(root, manifest.exports["."].default),
    platform: "node",
    external: /^node:/,
  });
  rmSync(join(root, ".cache/bundle"), { recursive: true, force: true });
  await bundle.write({
    dir: join(root, ".cache/bundle"),
    entryFileNames: "index.js",
    chunkFileNames: "[name].js",
    format: "esm",
    minify: true,
  });
  await bundle.close();
  const measured = JSON.parse(tool("size-limit", ["--json"]));
  return measured.map(({ name, size }) => `${name}: ${(size / 1000).toFixed(1)} kB`).join("; ");
}

function loading(some) {
  return Object.fromEntries(
    some.map(({ specifier }) => [
      `${specifier} imported and required`,
      () => `${load(consumer, specifier)} names`,
    ]),
  );
}

/** What is wrong with an entry that is loaded while its peers are not there. */
function silentWithout(entry) {
  return peersOf(manifest, root, entry).flatMap((peer) => {
    try {
      load(consumer, entry.specifier);
    } catch (error) {
      return error.message.includes(`'${peer}'`) ? [] : [error.message];
    }
    return [`${entry.specifier} does without ${peer}, or finds one that is not its own`];
  });
}

const checks = {
  packed: () =>
    run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", scratch], {
      cwd: root,
    }),
  "installed in an empty folder": () => {
    mkdirSync(consumer);
    const packages = install(consumer, tarball);
    if (packages.length > 2) throw new Error(`${packages.length} packages: ${packages.join(", ")}`);
    return packages.join(", ");
  },
  "exports and files agree": () => refuse(disagreements(manifest, installed)),
  ...loading(entries.filter((entry) => peersOf(manifest, root, entry).length === 0)),
  "the command runs": () => {
    const version = run(join(consumer, "node_modules/.bin/etcd-discovery"), ["--version"], {
      cwd: consumer,
      timeout: 20_000,
    });
    if (version.trim() !== manifest.version) throw new Error(`it says ${version}`);
    return version;
  },
  "entries without their peers say what is missing": () => refuse(entries.flatMap(silentWithout)),
  "peers installed": () => {
    const peers = Object.keys(manifest.peerDependencies);
    const versions = peers.map((name) => `${name}@${manifest.devDependencies[name]}`);
    add(consumer, versions);
    return versions.join(", ");
  },
  ...loading(entries.filter((entry) => peersOf(manifest, root, entry).length > 0)),
  "types, as ESM and CommonJS": () =>
    typeCheck(
      consumer,
      entries.map(({ specifier }) => specifier),
      tools,
    ),
  publint: () => void tool("publint", ["run", tarball, "--strict"]),
  "are the types wrong": () => void tool("attw", [tarball, "--profile", "esm-only"]),
  "size of the bundle": bundledSize,
  "no dead code (knip)": () => void tool("knip", []),
};

try {
  for (const [name, check] of Object.entries(checks)) {
    try {
      const detail = await check();
      console.log(`ok      ${name}${detail ? `: ${detail.trim()}` : ""}`);
    } catch (error) {
      process.exitCode = 1;
      console.log(`FAILED  ${name}\n${error.message.replaceAll(/^/gm, "        ")}`);
      // Nothing that follows can be checked without the tarball or its installation.
      if (!name.startsWith("packed") && !name.startsWith("installed")) continue;
      break;
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
