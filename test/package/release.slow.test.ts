import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = join(import.meta.dirname, "../..");

const changelog = `# Changelog

## [Unreleased]

### Added

- Something that users notice.

## [0.1.0] - 2026-01-02

- The first.
`;

const empty = "# Changelog\n\n## [Unreleased]\n\n### Added\n";

const passing = { check: "node -e 0", "test:matrix": "node -e 0", "check:package": "node -e 0" };

/** A repository of a package with version 0.1.0 that was released, and of the script. */
interface Throwaway extends AsyncDisposable {
  readonly path: string;
  readonly git: (...args: string[]) => string;
  readonly read: (path: string) => string;
  readonly write: (path: string, text: string) => void;

  /** Writes it and commits it. */
  readonly commit: (path: string, text: string) => void;
  readonly release: (...args: string[]) => {
    readonly code: number | null;
    readonly output: string;
  };
}

async function throwaway(scripts: Readonly<Record<string, string>> = passing): Promise<Throwaway> {
  const folder = await temporaryFolder();
  const { path } = folder;
  const env = {
    ...process.env,
    ...{ GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
    ...{ GIT_AUTHOR_NAME: "A", GIT_AUTHOR_EMAIL: "a@example.org" },
    ...{ GIT_COMMITTER_NAME: "A", GIT_COMMITTER_EMAIL: "a@example.org" },
  };
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: path, env, encoding: "utf8", stdio: "pipe" }).trim();
  const write = (name: string, text: string): void => writeFileSync(join(path, name), text);
  mkdirSync(join(path, "scripts"));
  cpSync(join(root, "scripts/release.mjs"), join(path, "scripts/release.mjs"));
  cpSync(join(root, "scripts/release"), join(path, "scripts/release"), { recursive: true });
  const manifest = { name: "thrown-away", version: "0.1.0", files: ["CHANGELOG.md"], scripts };
  const lock = { name: "thrown-away", version: "0.1.0", packages: { "": { version: "0.1.0" } } };
  write("package.json", `${JSON.stringify(manifest, undefined, 2)}\n`);
  write("package-lock.json", `${JSON.stringify(lock, undefined, 2)}\n`);
  write("CHANGELOG.md", changelog);
  write(".gitignore", ".cache/\n");
  git("init", "--quiet", "--initial-branch=main");
  git("add", ".");
  git("commit", "--quiet", "--message", "First");
  git("tag", "--annotate", "v0.1.0", "--message", "First");
  return {
    ...{ path, git, write },
    read: (name) => readFileSync(join(path, name), "utf8"),
    commit(name, text) {
      write(name, text);
      git("add", name);
      git("commit", "--quiet", "--message", `Change ${name}`);
    },
    release(...args) {
      const script = join(path, "scripts/release.mjs");
      const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
        ...{ cwd: path, env, encoding: "utf8" },
      });
      return { code: status, output: stdout + stderr };
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** All that a failed or tried release could have changed. */
function stateOf({ git }: Throwaway): string[] {
  return [git("status", "--porcelain"), git("rev-parse", "HEAD"), git("tag", "--list")];
}

describe("a release", { timeout: 60_000 }, () => {
  test("is a commit and a tag, with the version and the date in their places", async () => {
    await using repository = await throwaway();
    const { git, read, release } = repository;
    const { code, output } = release("0.2.0");
    expect([code, output]).toEqual([0, expect.stringContaining("nothing was pushed or published")]);
    expect(git("status", "--porcelain")).toBe("");
    expect(git("log", "-1", "--format=%s %D")).toContain("Release 0.2.0 HEAD -> main, tag: v0.2.0");
    expect(git("cat-file", "-t", "v0.2.0")).toBe("tag");
    expect(git("diff", "--name-only", "HEAD~1").split("\n")).toEqual([
      ...["CHANGELOG.md", "package-lock.json", "package.json"],
    ]);
    expect(JSON.parse(read("package.json"))).toMatchObject({ version: "0.2.0" });
    expect(JSON.parse(read("package-lock.json"))).toMatchObject({
      ...{ version: "0.2.0", packages: { "": { version: "0.2.0" } } },
    });
    expect(read("CHANGELOG.md").replace(/\d{4}-\d\d-\d\d/, "TODAY")).toBe(
      changelog.replace("## [Unreleased]\n", "## [Unreleased]\n\n## [0.2.0] - TODAY\n"),
    );
    // The tarball that was checked.
    const tarballs = readdirSync(join(repository.path, ".cache/release"));
    expect(tarballs).toEqual(["thrown-away-0.2.0.tgz"]);
    expect(output).toContain("sha512-");
    // A second of the same name, and one that has nothing new.
    expect(release("0.2.0").output).toContain("there is a tag v0.2.0 already");
    expect(release("0.3.0").output).toContain('nothing under "## [Unreleased]"');
  });

  test("that is tried only leaves everything as it was", async () => {
    await using repository = await throwaway();
    const before = stateOf(repository);
    const { code, output } = repository.release("0.2.0", "--dry-run");
    expect([code, output]).toEqual([0, expect.stringContaining("0.2.0 could be made")]);
    expect(stateOf(repository)).toEqual(before);
    expect(repository.read("package.json")).toContain('"0.1.0"');
  });

  test("may be the first one, whose number is in package.json already", async () => {
    await using repository = await throwaway();
    repository.git("tag", "--delete", "v0.1.0");
    repository.commit("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n- All of it.\n");
    expect(repository.release("0.1.0").code).toBe(0);
    expect(repository.read("CHANGELOG.md")).toMatch(
      /^# Changelog\n\n## \[Unreleased\]\n\n## \[0\.1\.0\] - \d{4}-\d\d-\d\d\n\n- All of it\.\n$/,
    );
  });

  test.each<[string, string[], RegExp, ((repository: Throwaway) => unknown)?]>([
    ["no version", [], /give one version/],
    ["what is no version", ["v0.2.0"], /"v0.2.0" is no version/],
    ["two versions", ["0.2.0", "0.3.0"], /give one version/],
    ["an older version", ["0.0.9"], /0\.0\.9 is older than v0\.1\.0/],
    ["a version before its release", ["0.1.0-rc.1"], /0\.1\.0-rc\.1 is older than v0\.1\.0/],
    ["another branch", ["0.2.0"], /this is topic/, ({ git }) => git("switch", "-c", "topic")],
    ["a changed file", ["0.2.0"], /not clean:\n.*\.gitignore/, (it) => it.write(".gitignore", "")],
    ["a stray file", ["0.2.0"], /not clean:\n.*stray\.txt/, (it) => it.write("stray.txt", "")],
    ["an empty changelog", ["0.2.0"], /nothing under/, (it) => it.commit("CHANGELOG.md", empty)],
  ])("is refused for %s", async (_, args, message, prepare) => {
    await using repository = await throwaway();
    prepare?.(repository);
    const before = stateOf(repository);
    const { code, output } = repository.release(...args);
    expect([code, output]).toEqual([1, expect.stringMatching(message)]);
    expect(stateOf(repository)).toEqual(before);
  });

  test.each(Object.keys(passing))("is not made when `npm run %s` fails", async (name) => {
    await using repository = await throwaway({ ...passing, [name]: 'node -e "process.exit(3)"' });
    const before = stateOf(repository);
    const { code, output } = repository.release("0.2.0");
    expect([code, output]).toEqual([1, expect.stringContaining(`npm run ${name}\` failed`)]);
    expect(stateOf(repository)).toEqual(before);
    expect(existsSync(join(repository.path, ".cache/release"))).toBe(false);
  });
});
