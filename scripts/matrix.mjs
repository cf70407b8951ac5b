// Runs the tests on each version of Node.js that the package is for, and prints a table. Arguments:
// --node 20,24 for some of them; all others go to vitest, such as paths of tests. Exits with 1 if
// anything is red.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync, rmSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { nodeBinary, nodeVersions } from "./matrix/node-binary.mjs";
import { failuresOf, readReport, table } from "./matrix/report.mjs";

const root = dirname(import.meta.dirname);
const cache = join(root, ".cache/matrix");

/** The versions that were asked for, and what goes to vitest. */
function parse(given) {
  const at = given.indexOf("--node");
  if (at === -1) return { majors: Object.keys(nodeVersions), filters: given };
  const majors = (given[at + 1] ?? "").split(",");
  const strange = majors.find((major) => !(major in nodeVersions));
  if (strange !== undefined) {
    const known = Object.keys(nodeVersions).join(", ");
    throw new Error(`--node: "${strange}" is none of ${known}`);
  }
  return { majors, filters: given.toSpliced(at, 2) };
}

/** Runs vitest on a Node.js; what it says goes to a file. */
async function run(node, major, filters) {
  const report = join(cache, `node-${major}.json`);
  const log = join(cache, `node-${major}.log`);
  rmSync(report, { force: true });
  const args = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const startedAt = performance.now();
  const child = spawn(node, [vitest, "run", ...args, ...filters], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    // So that what tests start by name is this one, too.
    env: { ...process.env, CI: "true", PATH: [dirname(node), process.env.PATH].join(delimiter) },
  });
  const file = createWriteStream(log);
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  // With all that it has started, which would go on by itself.
  const end = () => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  };
  process.on("exit", end);
  const [code] = await once(child, "close");
  process.off("exit", end);
  file.end();
  const seconds = (performance.now() - startedAt) / 1_000;
  return { ...readReport(report), code, log, seconds };
}

// So that it ends what it has started.
process.on("SIGTERM", () => process.exit(143)).on("SIGINT", () => process.exit(130));

try {
  const { majors, filters } = parse(process.argv.slice(2));
  mkdirSync(cache, { recursive: true });
  const rows = [];
  for (const major of majors) {
    const { path, version } = nodeBinary(major, join(root, ".cache/node"));
    console.log(`Node.js ${version}: the tests run…`);
    const result = await run(path, major, filters);
    rows.push({ version, ...result });
    for (const failure of failuresOf(result)) console.log(`  failed: ${failure}`);
  }
  console.log(`\n${table(rows)}`);
  if (rows.some((row) => failuresOf(row).length > 0)) process.exitCode = 1;
} catch (error) {
  console.error(`test:matrix: ${error.message}`);
  process.exitCode = 1;
}
