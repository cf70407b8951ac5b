import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SecretFile } from "../../../src/cli/operating/secret-file.ts";
import { UsageError } from "../../../src/cli/usage-error.ts";
import { temporaryFolder, type TemporaryFolder } from "../../support/temporary-folder.ts";

let folder: TemporaryFolder;
let path: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  path = join(folder.path, "secret");
});
afterEach(() => folder[Symbol.asyncDispose]());

const content = () => readFile(path, "utf8");
const files = () => readdir(folder.path);
const mode = async () => ((await stat(path)).mode & 0o777).toString(8);

test("a secret is in its file before it is accepted, for its owner alone", async () => {
  const file = await SecretFile.claim(path, false);
  expect(await mode()).toBe("600");
  await file.write("first");
  await file.write("second");
  expect([await content(), await mode(), await files()]).toEqual(["second", "600", ["secret"]]);
  await file.accept();
  expect([await content(), file.place]).toEqual(["second", path]);
});

test("one that is worth nothing is removed", async () => {
  const file = await SecretFile.claim(path, false);
  await file.discard();
  expect(await files()).toEqual([]);
  const written = await SecretFile.claim(path, false);
  await written.write("secret");
  await written.discard();
  expect(await files()).toEqual([]);
});

test("a file that is there is replaced only where that was asked for", async () => {
  await writeFile(path, "old", { mode: 0o644 });
  const refused = SecretFile.claim(path, false);
  await expect(refused).rejects.toBeInstanceOf(UsageError);
  await expect(refused).rejects.toThrow("--force");
  const file = await SecretFile.claim(path, true);
  await file.write("new");
  expect(await content()).toBe("old");
  expect(await readFile(file.place, "utf8")).toBe("new");
  expect(((await stat(file.place)).mode & 0o777).toString(8)).toBe("600");
  await file.accept();
  expect([await content(), await mode(), await files()]).toEqual(["new", "600", ["secret"]]);
});

test("what was to be replaced stays if the new secret is worth nothing", async () => {
  await writeFile(path, "old");
  const file = await SecretFile.claim(path, true);
  await file.write("new");
  await file.discard();
  expect([await content(), await files()]).toEqual(["old", ["secret"]]);
});

test("what was replaced is back if the new secret turns out to be worth nothing", async () => {
  await writeFile(path, "old");
  const file = await SecretFile.claim(path, true);
  await file.write("new");
  await file.accept();
  await file.discard();
  expect([await content(), await mode(), await files()]).toEqual(["old", "600", ["secret"]]);
});

test("where a link leads the file is replaced, and the link stays", async () => {
  await writeFile(join(folder.path, "target"), "old");
  await symlink("target", path);
  const file = await SecretFile.claim(path, true);
  await file.write("new");
  await file.accept();
  expect(await readFile(join(folder.path, "target"), "utf8")).toBe("new");
  expect((await files()).sort()).toEqual(["secret", "target"]);
});

test.each([true, false])("what is no file is refused (--force: %s)", async (force) => {
  await mkdir(path);
  await expect(SecretFile.claim(path, force)).rejects.toBeInstanceOf(UsageError);
  const nowhere = join(folder.path, "missing", "secret");
  await expect(SecretFile.claim(nowhere, force)).rejects.toThrow("cannot be written (ENOENT)");
});

test("a folder that nobody may write to is refused", async (context) => {
  if (process.getuid?.() === 0) {
    console.log("not tested: root may write to any folder");
    context.skip();
  }
  await chmod(folder.path, 0o500);
  await expect(SecretFile.claim(path, false)).rejects.toThrow("cannot be written (EACCES)");
});
