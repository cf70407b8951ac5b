// @ts-check
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { byTurns, median } from "./harness.js";
import { atMost } from "./table.js";

const root = dirname(import.meta.dirname);

/**
 * How much longer a process takes that imports the package than one that imports nothing.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function importTime({ rounds }) {
  const {
    ours = [],
    peer = [],
    bare = [],
  } = await byTurns(2 * rounds, {
    ours: async () => run('import "etcd-discovery"'),
    peer: async () => run('import "etcd3"'),
    bare: async () => run(""),
  });
  /** @param {number[]} taken */
  const over = (taken) => median(taken.map((time, round) => time - (bare[round] ?? Number.NaN)));
  const measure = "import time over bare node";
  return [{ measure, unit: "ms", ours: over(ours), peer: over(peer), goals: [atMost(50)] }];
}

/**
 * What an installation brings along: the package and all that it depends on.
 *
 * @param {import("./harness.js").Bench} _bench
 */
export async function packages(_bench) {
  const lock = JSON.parse(readFileSync(`${root}/package-lock.json`, "utf8"));
  const ours = 1 + dependencies(lock.packages, "").size;
  const peer = 1 + dependencies(lock.packages, "node_modules/etcd3").size;
  return [{ measure: "packages installed", ours, peer, goals: [atMost(2)] }];
}

/**
 * All of the package in one minified file, compressed.
 *
 * @param {import("./harness.js").Bench} _bench
 */
export async function bundle(_bench) {
  const ours = await bundledKilobytes(import.meta.resolve("etcd-discovery"));
  const peer = await bundledKilobytes(import.meta.resolve("etcd3"));
  return [{ measure: "bundle, gzipped", unit: "kB", ours, peer, goals: [atMost(45)] }];
}

/**
 * How long a process takes that runs this, in milliseconds.
 *
 * @param {string} source
 */
function run(source) {
  const start = performance.now();
  execFileSync(process.execPath, ["--input-type=module", "-e", source], { cwd: root });
  return performance.now() - start;
}

/**
 * @param {Record<string, { dependencies?: Record<string, string> }>} lock
 * @param {string} from a folder of the lock file
 * @param {Set<string>} [found]
 */
function dependencies(lock, from, found = new Set()) {
  for (const name of Object.keys(lock[from]?.dependencies ?? {})) {
    const folder = resolved(lock, from, name);
    if (folder === undefined || found.has(folder)) continue;
    found.add(folder);
    dependencies(lock, folder, found);
  }
  return found;
}

/**
 * Where Node.js finds a package that is imported from a folder: the nearest node_modules upwards.
 *
 * @param {Record<string, unknown>} lock
 * @param {string} from
 * @param {string} name
 */
function resolved(lock, from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(folder.lastIndexOf("/"), 0))) {
    const candidate = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (candidate in lock) return candidate;
    if (folder === "") return undefined;
  }
}

/** @param {string} url */
async function bundledKilobytes(url) {
  const build = await rolldown({
    input: fileURLToPath(url),
    platform: "node",
    external: /^node:/,
    logLevel: "silent",
  });
  try {
    const { output } = await build.generate({ format: "esm", minify: true });
    const code = output.map((part) => (part.type === "chunk" ? part.code : "")).join("");
    return gzipSync(code).length / 1_000;
  } finally {
    await build.close();
  }
}
