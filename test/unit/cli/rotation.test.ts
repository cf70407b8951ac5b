import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CommandContext } from "../../../src/cli/command-context.ts";
import { Rotation } from "../../../src/cli/operating/rotation.ts";
import { SecretFile } from "../../../src/cli/operating/secret-file.ts";
import { Output } from "../../../src/cli/output.ts";
import type { Store } from "../../../src/store/store.ts";
import { Discovery } from "../../../src/index.ts";
import { type MemoryStore, memoryStore } from "../../../src/testing/index.ts";
import { eventually } from "../../support/eventually.ts";
import { recordsOf } from "../../support/records.ts";
import { temporaryFolder, type TemporaryFolder } from "../../support/temporary-folder.ts";
import { unreliable } from "../../support/unreliable-store.ts";
import { beforeWrites, call, publicHost, service } from "../operate/operate-stage.ts";

const password = "second-secret";

// In real time: what goes to a disk is waited for by no other clock.
let store: MemoryStore;
let discovery: Discovery;
let folder: TemporaryFolder;
let path: string;
let stdout: string;
let stderr: string;
beforeEach(async () => {
  store = memoryStore();
  discovery = new Discovery({ store: store.connect() });
  folder = await temporaryFolder();
  path = join(folder.path, "new.json");
  stdout = "";
  stderr = "";
  await discovery.register(service, publicHost()).waitRegistration();
});
afterEach(async () => {
  await discovery.close();
  await folder[Symbol.asyncDispose]();
});

/** Rotates by way of a store, as the command does. */
async function rotates(
  way: Store,
  { force = false, show = false, signal = new AbortController().signal } = {},
): Promise<number> {
  const streams = {
    stdout: { write: (text: string) => Boolean((stdout += text)) },
    stderr: { write: (text: string) => Boolean((stderr += text)) },
  };
  const output = new Output({ json: true, color: false }, {}, streams);
  const context = new CommandContext({}, { output, signal, takeSignals() {}, rest: undefined });
  const file = await SecretFile.claim(path, force);
  const operation = { store: way, call: { ...call, signal }, ownerMs: 2_000 };
  const rotation = new Rotation(context, operation, { service, file, show });
  return rotation.run({ user: undefined, password, withinMs: 10_000 });
}

const kept = async (file: string): Promise<unknown> => JSON.parse(await readFile(file, "utf8"));
const credentials = { service, user: "user", password };
const inForce = async () => (await recordsOf(store, service)).info?.password;

test("where nobody knows what became of it the new credentials are kept, and that is said", async () => {
  const way = unreliable(store.connect(), store.clock);
  way.fate = "lost";
  await expect(rotates(way)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect(await kept(path)).toEqual(credentials);
  expect(stderr).toContain("may be in force, or those before");
  expect(stderr).toContain(`The new ones are kept in ${path}.`);
  expect([stdout, stderr.includes(password)]).toEqual(["", false]);
});

test("then they are printed, too, if that was asked for", async () => {
  const way = unreliable(store.connect(), store.clock);
  way.fate = "late";
  await expect(rotates(way, { show: true })).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect(JSON.parse(stdout)).toEqual({ ...credentials, file: path });
  await eventually(async () => (await inForce()) === password);
});

test("then the file that was to be replaced stays as it is beside them", async () => {
  await writeFile(path, "old");
  const way = unreliable(store.connect(), store.clock);
  way.fate = "lost";
  await expect(rotates(way, { force: true })).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect(await readFile(path, "utf8")).toBe("old");
  const [beside = ""] = (await readdir(folder.path)).filter((name) => name !== "new.json");
  expect(await kept(join(folder.path, beside))).toEqual(credentials);
  expect(stderr).toContain(beside);
});

test("an answer that is lost does not matter where etcd can be asked", async () => {
  const way = unreliable(store.connect(), store.clock);
  way.fate = "unanswered";
  expect(await rotates(way)).toBe(0);
  expect([await kept(path), await inForce()]).toEqual([credentials, password]);
});

test("an interruption before anything is written leaves nothing behind", async () => {
  const ending = new AbortController();
  const way = store.connect();
  const read = way.read.bind(way);
  way.read = async (...args) => {
    const listing = await read(...args);
    ending.abort(new Error("interrupted"));
    return listing;
  };
  await expect(rotates(way, { signal: ending.signal })).rejects.toThrow("interrupted");
  expect(await readdir(folder.path)).toEqual([]);
  expect([await inForce(), stdout]).toEqual(["first-secret", ""]);
});

test("an interruption while it is written is not known to have come in time", async () => {
  const ending = new AbortController();
  const way = beforeWrites(store.connect(), () => ending.abort(new Error("interrupted")));
  const rotated = rotates(way, { signal: ending.signal });
  await expect(rotated).rejects.toThrow("it is not known whether");
  expect(await kept(path)).toEqual(credentials);
  expect(stderr).toContain("may be in force, or those before");
});
