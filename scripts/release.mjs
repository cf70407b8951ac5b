// Makes a version, as docs/releasing.md tells: node scripts/release.mjs <version> [--dry-run]. It
// pushes nothing and publishes nothing; what fails leaves all files as they were.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { unreleasedOf, withVersion } from "./release/changelog.mjs";
import { assertNewer, assertVersion } from "./release/version.mjs";

const root = dirname(import.meta.dirname);
/** The files that a version is written into. */
const written = ["package.json", "package-lock.json", "CHANGELOG.md"];

const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
const read = (path) => readFileSync(join(root, path), "utf8");

/** Runs a script of package.json to its end, with its output shown. */
function script(name) {
  say(`npm run ${name}`);
  try {
    execFileSync("npm", ["run", "--silent", name], {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    });
  } catch (error) {
    throw new Error(`\`npm run ${name}\` failed`, { cause: error });
  }
}

function say(text) {
  console.log(`release: ${text}`);
}

/** The version and whether it is only tried. */
function parse(given) {
  const dryRun = given.includes("--dry-run");
  const rest = given.filter((each) => each !== "--dry-run");
  const [version] = rest;
  if (rest.length !== 1 || version.startsWith("-")) {
    throw new Error("give one version, as in: npm run release -- 0.2.0 [--dry-run]");
  }
  assertVersion(version);
  return { version, dryRun };
}

/** Throws unless everything is as it has to be before a version is made. */
function assertReady(version) {
  const branch = git("rev-parse", "--abbrev-ref", "HEAD");
  if (branch !== "main") throw new Error(`versions are made on main, and this is ${branch}`);
  const changes = git("status", "--porcelain");
  if (changes !== "") throw new Error(`the working tree is not clean:\n${changes}`);
  const tags = git("tag", "--list", "v*").split("\n").filter(Boolean);
  assertNewer(version, tags, JSON.parse(read("package.json")).version);
  unreleasedOf(read("CHANGELOG.md"));
}

function writeVersion(version) {
  for (const path of ["package.json", "package-lock.json"]) {
    const manifest = JSON.parse(read(path));
    manifest.version = version;
    if (manifest.packages?.[""] !== undefined) manifest.packages[""].version = version;
    writeFileSync(join(root, path), `${JSON.stringify(manifest, undefined, 2)}\n`);
  }
  const today = new Date().toISOString().slice(0, 10);
  writeFileSync(join(root, "CHANGELOG.md"), withVersion(read("CHANGELOG.md"), version, today));
}

/** Packs the package as it would be published; returns where the tarball is, and what identifies it. */
function pack() {
  const folder = join(root, ".cache/release");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const output = execFileSync(
    "npm",
    ["pack", "--ignore-scripts", "--json", "--pack-destination", folder],
    {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const [{ filename, integrity }] = JSON.parse(output);
  return { tarball: join(".cache/release", filename), integrity };
}

function release({ version, dryRun }) {
  assertReady(version);
  script("check");
  script("test:matrix");
  // The checks themselves must not have left anything.
  assertReady(version);
  let done = false;
  try {
    writeVersion(version);
    script("check:package");
    const { tarball, integrity } = pack();
    say(`${tarball} ${integrity}`);
    if (dryRun) {
      say(`dry run: ${version} could be made; all files are as they were`);
      return;
    }
    git("add", "--", ...written);
    git("commit", "--quiet", "--message", `Release ${version}`);
    done = true;
    git("tag", "--annotate", `v${version}`, "--message", `Version ${version}`);
    say(`made ${version}, a commit and the tag v${version}; nothing was pushed or published`);
    say(`look at it: git show v${version}; then: git push origin main v${version}`);
  } finally {
    if (!done) git("checkout", "--quiet", "HEAD", "--", ...written);
  }
}

try {
  release(parse(process.argv.slice(2)));
} catch (error) {
  console.error(`release: ${error.message}`);
  process.exitCode = 1;
}
