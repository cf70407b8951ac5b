import { existsSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findEtcd } from "../../src/testing/index.ts";
import { temporaryFolder, type TemporaryFolder } from "../support/temporary-folder.ts";

/** The name of the folder that the cached copy is in. */
const copy = `etcd-${process.platform}-${process.arch}`;

describe("finding an etcd", () => {
  test("takes ETCD_BIN, else the PATH, else the cache of the project", async () => {
    await using project = await temporaryFolder();
    await writeFile(join(project.path, "package.json"), "{}");
    const cwd = join(project.path, "deep", "down");
    await mkdir(cwd, { recursive: true });
    const named = await project.script("named/etcd", says("3.5.1"));
    const installed = await project.script("bin/etcd", says("3.5.2"));
    const cached = await project.script(`.cache/etcd-discovery/${copy}/etcd`, says("3.5.3"));
    const etcdctl = await project.script("bin/etcdctl", "");
    const PATH = join(project.path, "bin");

    const all = { PATH, ETCD_BIN: named };
    const byName = { path: named, version: "3.5.1", etcdctl };
    expect(await findEtcd({ cwd, env: all })).toEqual(byName);
    expect(await findEtcd({ cwd, env: {}, binary: named })).toMatchObject({ path: named });

    const onPath = { path: installed, version: "3.5.2", etcdctl };
    expect(await findEtcd({ cwd, env: { PATH } })).toEqual(onPath);
    expect(await findEtcd({ cwd, env: { PATH, ETCD_BIN: "" } })).toEqual(onPath);

    const inCache = { path: cached, version: "3.5.3", etcdctl: undefined };
    expect(await findEtcd({ cwd, env: {} })).toEqual(inCache);

    const modules = `node_modules/.cache/etcd-discovery/${copy}/etcd`;
    const cachedInModules = await project.script(modules, says("3.5.4"));
    expect(await findEtcd({ cwd, env: {} })).toMatchObject({ path: cachedInModules });
  });

  test("does not let a wrong ETCD_BIN pass", async () => {
    await using project = await temporaryFolder();
    const notEtcd = await project.script("bin/other", "echo hello");
    const good = await project.script("bin/etcd", says("3.5.0"));
    const PATH = join(project.path, "bin");
    for (const [ETCD_BIN, why] of [
      [join(project.path, "missing"), "is not a file that can be run"],
      [PATH, "is not a file that can be run"],
      [notEtcd, "does not answer to --version"],
    ] as const) {
      const found = findEtcd({ env: { PATH, ETCD_BIN } });
      await expect(found).rejects.toThrow(new RegExp(`^ETCD_BIN is "${ETCD_BIN}".*${why}`));
      await expect(found).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    }
    await expect(findEtcd({ binary: notEtcd })).rejects.toThrow(/^binary is /);
    expect(await findEtcd({ env: { PATH } })).toMatchObject({ path: good });
  });

  test("says in a sentence what to do where there is none", async () => {
    await using project = await temporaryFolder();
    await expect(findEtcd({ cwd: project.path, env: {} })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message:
        "No etcd to run on this machine: install one so that `etcd` is on the PATH, or name one " +
        "in ETCD_BIN (Debian package: apt-get and dpkg-deb are not on the PATH; " +
        "Homebrew: not installed).",
    });
  });

  test("gives etcd none of this package's variables, which it would take for flags", async () => {
    await using project = await temporaryFolder();
    const spy = `[ -z "$ETCD_HOSTS$ETCD_USERNAME" ] || exit 1\n${says("3.5.0")}`;
    const ETCD_BIN = await project.script("etcd", spy);
    const env = { ETCD_BIN, ETCD_HOSTS: "http://a", ETCD_USERNAME: "ann" };
    expect(await findEtcd({ env })).toMatchObject({ version: "3.5.0" });
  });
});

describe("the distribution's package", () => {
  test("is unpacked into the cache once, however many ask at once", async () => {
    await using project = await temporaryFolder();
    const options = await fakeApt(project, "true");
    const found = await Promise.all(Array.from({ length: 5 }, () => findEtcd(options)));
    const path = join(project.path, ".cache", "etcd-discovery", copy, "etcd");
    for (const etcd of found) expect(etcd).toMatchObject({ path, version: "3.4.9" });
    expect(found[0]?.etcdctl).toBe(join(project.path, ".cache", "etcd-discovery", copy, "etcdctl"));
    expect(await readdir(join(project.path, ".cache", "etcd-discovery"))).toEqual([copy]);

    await rm(join(project.path, "bin"), { recursive: true });
    expect(await findEtcd(options)).toMatchObject({ path });
  });

  test("replaces a copy that does not run", async () => {
    await using project = await temporaryFolder();
    const options = await fakeApt(project, "true");
    await project.script(`.cache/etcd-discovery/${copy}/etcd`, "exit 1");
    expect(await findEtcd(options)).toMatchObject({ version: "3.4.9" });
  });

  test("has apt's lists refreshed first where they are missing, given the right to", async () => {
    await using project = await temporaryFolder();
    const lists = join(project.path, "lists");
    const options = await fakeApt(project, `[ -e ${lists} ]`, `touch ${lists}`);
    if (process.getuid?.() === 0) {
      expect(await findEtcd(options)).toMatchObject({ version: "3.4.9" });
      expect(options.reports.at(-1)).toContain("running apt-get update");
    } else {
      await expect(findEtcd(options)).rejects.toThrow("as root: apt-get update");
      expect(existsSync(lists)).toBe(false);
    }
    expect(options.reports[0]).toContain("fetching the packages");
  });

  test("waits for another process that is refreshing apt's lists", async ({ skip }) => {
    skip(process.getuid?.() !== 0, "only root may refresh them");
    await using project = await temporaryFolder();
    const lists = join(project.path, "lists");
    const once = join(project.path, "once");
    const update = `[ -e ${once} ] && touch ${lists} && exit; touch ${once}; echo "E: Could not get lock"; exit 100`;
    const options = await fakeApt(project, `[ -e ${lists} ]`, update);
    expect(await findEtcd(options)).toMatchObject({ version: "3.4.9" });
  });

  test("is given up with apt's own words", async () => {
    await using project = await temporaryFolder();
    const options = await fakeApt(project, "false", "echo 'E: no such host'; exit 100");
    await expect(findEtcd(options)).rejects.toThrow("E: Unable to locate package etcd-server");
    expect(await readdir(join(project.path, ".cache", "etcd-discovery"))).toEqual([]);
  });
});

function says(version: string): string {
  return `echo "etcd Version: ${version}"`;
}

/** An apt and a dpkg that know nothing but etcd 3.4.9. */
async function fakeApt(
  project: TemporaryFolder,
  hasLists: string,
  update = "exit 100",
): Promise<{ cwd: string; env: { PATH: string }; report(line: string): void; reports: string[] }> {
  const etcd = await project.script("package/etcd", says("3.4.9"));
  await project.script(
    "bin/apt-get",
    `if [ "$1" = update ]; then ${update}; exit; fi
     ${hasLists} || { echo "E: Unable to locate package etcd-server"; exit 100; }
     [ "$*" = "download etcd-server etcd-client" ] && touch etcd-server.deb etcd-client.deb`,
  );
  await project.script(
    "bin/dpkg-deb",
    `name=$(basename "$2" .deb); mkdir -p "$3/usr/bin"
     [ $name = etcd-client ] && program=etcdctl || program=etcd
     cp ${etcd} "$3/usr/bin/$program"`,
  );
  const reports: string[] = [];
  return {
    cwd: project.path,
    env: { PATH: join(project.path, "bin") },
    report: (line) => reports.push(line),
    reports,
  };
}
