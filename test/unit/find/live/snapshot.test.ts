import { existsSync, readFileSync, statSync } from "node:fs";
import { chmod, chown, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { eventually } from "../../../support/eventually.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../support/temporary-folder.ts";
import { putHost, service } from "../stage.ts";
import { code, ids, type LiveStage, liveStage } from "./live-stage.ts";

let folder: TemporaryFolder;
let file: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder.path, "api.json");
  // When all pools are closed, which write their files to the last.
  onTestFinished(() => folder[Symbol.asyncDispose]());
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const written = async (): Promise<string[]> => {
  const { hosts } = JSON.parse(await readFile(file, "utf8")) as { hosts: { uuid: string }[] };
  return ids(hosts);
};

const warnings = (stage: LiveStage) =>
  stage.log.filter((line) => line.startsWith("warn: the snap"));

/** Leaves a file with the hosts a and b, as a process that ran a while ago. */
async function leaveFile(): Promise<void> {
  const stage = liveStage();
  putHost(stage.store, "a", { password: "secret", user: "user", weight: 3, shard: "1" });
  await stage.put("b");
  const pool = await stage.ready({ snapshot: file });
  await pool.close();
}

describe("the file", () => {
  it("has all hosts of the service, is for its owner only, and is replaced as a whole", async () => {
    const stage = liveStage();
    putHost(stage.store, "a", { shard: "1" });
    await stage.put("b");
    await stage.ready({ snapshot: file, shard: "1" });
    await stage.settle();
    await eventually(async () => expect(await written()).toEqual(["a", "b"]));
    const { ino, mode } = await stat(file);
    expect(mode & 0o777).toBe(0o600);

    await stage.put("c");
    await stage.clock.advance(4_900);
    expect(await written()).toEqual(["a", "b"]);
    await stage.put("d");
    await stage.clock.advance(100);
    await eventually(async () => expect(await written()).toEqual(["a", "b", "c", "d"]));
    expect((await stat(file)).ino).not.toBe(ino);
    expect(await readdir(folder.path)).toEqual(["api.json"]);
  });

  it("is whole whenever it is read, while it is written again and again", async () => {
    const stage = liveStage();
    const many = Array.from({ length: 300 }, (_, index) => `host-${index}`);
    await stage.put(...many);
    await stage.ready({ snapshot: file });
    await stage.settle();
    await eventually(() => existsSync(file));
    let writes = 0;
    for (let { ino } = statSync(file); writes < 10;) {
      await stage.put(`more-${writes}`);
      await stage.clock.advance(5_000);
      // As other processes do: between any two steps of the writer.
      while (statSync(file).ino === ino) {
        const { hosts } = JSON.parse(readFileSync(file, "utf8")) as { hosts: unknown[] };
        expect(hosts.length).toBeGreaterThanOrEqual(many.length + writes);
        await new Promise((resolve) => void setImmediate(resolve));
        await stage.settle();
      }
      ({ ino } = statSync(file));
      writes += 1;
    }
  });

  it("has the newest hosts once the pool or the discovery has ended", async () => {
    const stage = liveStage();
    await stage.put("a");
    const pool = await stage.ready({ snapshot: file });
    await stage.settle();
    await eventually(async () => expect(await written()).toEqual(["a"]));
    await stage.put("b");
    await pool.close();
    expect(await written()).toEqual(["a", "b"]);

    await stage.put("c");
    await stage.ready({ snapshot: file });
    stage.mirrors.close();
    await stage.mirrors.ended();
    expect(await written()).toEqual(["a", "b", "c"]);
  });

  it("is left as it is while etcd is away, and written again once it is back", async () => {
    await leaveFile();
    const stage = liveStage();
    stage.store.outage(true);
    const pool = stage.mirrors.live(service, { snapshot: file });
    const text = await readFile(file, "utf8");
    await eventually(() => pool.hosts.length === 2);
    await stage.clock.advance(20_000);
    expect(await readFile(file, "utf8")).toBe(text);
    await stage.put("c");
    stage.store.outage(false);
    await stage.clock.advance(5_000);
    await eventually(async () => expect(await written()).toEqual(["c"]));
  });

  it("that cannot be written is logged, and harms nothing", async () => {
    const stage = liveStage();
    await stage.put("a");
    const pool = await stage.ready({ snapshot: join(folder.path, "nowhere", "api.json") });
    await stage.settle();
    await eventually(() => warnings(stage).length === 1);
    expect(pool.pick().uuid).toBe("a");
    await pool.close();
  });
});

describe("a process that starts while etcd is away", () => {
  it("goes on with what the file says, and says how old that is", async () => {
    await leaveFile();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
    const stage = liveStage();
    stage.store.outage(true);
    const pool = stage.mirrors.live(service, { snapshot: file });
    expect(code(() => pool.pick())).toBe("NOT_READY");
    await eventually(() => pool.hosts.length === 2);
    await stage.clock.advance(1_000);
    await pool.waitReady();
    expect(pool.freshness.source).toBe("disk");
    expect(pool.freshness.ageMs).toBeGreaterThan(60_000);
    expect(pool.freshness.revision).toBeGreaterThan(0);
    const [a] = pool.hosts;
    expect(a).toMatchObject({ uuid: "a", weight: 3, shard: "1", password: "secret" });
    expect(a?.url()).toBe("http://user:secret@a.internal.dev:80");
    expect(["a", "b"]).toContain(pool.pick().uuid);

    await stage.put("b", "c");
    stage.store.outage(false);
    await stage.clock.advance(3_000);
    expect(pool.freshness.source).toBe("live");
    expect(ids(pool.hosts)).toEqual(["b", "c"]);
    expect(pool.suspects).toEqual([]);
  });

  it("takes its shard's hosts only, and none that are older than maxStaleMs", async () => {
    await leaveFile();
    const stage = liveStage();
    stage.store.outage(true);
    const shard = stage.mirrors.live(service, { snapshot: file, shard: "1" });
    const none = stage.mirrors.live(service, { snapshot: file, shard: "2" });
    const strict = stage.mirrors.live(service, { snapshot: file, maxStaleMs: 10_000 });
    const pools = [shard, none, strict];
    await eventually(() => pools.every(({ freshness }) => freshness.source === "disk"));
    expect([shard.hosts.length, strict.hosts.length]).toEqual([1, 2]);
    expect(code(() => none.pick())).toBe("NO_HOST_FOUND_ON_SHARD");
    await stage.clock.advance(11_000);
    expect(code(() => strict.pick())).toBe("UNAVAILABLE");
    expect(shard.pick().uuid).toBe("a");
  });

  it("waits for etcd, if that answers", async () => {
    await leaveFile();
    const stage = liveStage();
    await stage.put("c");
    const pool = await stage.ready({ snapshot: file });
    expect(ids(pool.hosts)).toEqual(["c"]);
    expect(pool.freshness.source).toBe("live");
    await pool.close();
  });

  it("is not ready without a file", async () => {
    const stage = liveStage();
    stage.store.outage(true);
    const pool = stage.mirrors.live(service, { snapshot: file });
    await stage.clock.advance(5_000);
    expect(code(() => pool.pick())).toBe("NOT_READY");
    expect(warnings(stage)).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    ["is older than a day", () => vi.setSystemTime(Date.now() + 86_400_001)],
    ["is not JSON", () => writeFile(file, `{"password":"secret`)],
    ["is something else", () => writeFile(file, `[]`)],
    ["is of a later version", () => edit('"version":1', '"version":2')],
    ["is of another service", () => edit('"service":"api"', '"service":"other"')],
    ["has no time", () => edit('"liveAt":', '"was":')],
    ["has a host that is none", () => edit('"uuid":"a"', '"id":"a"')],
    ["may be written by others", () => chmod(file, 0o622)],
    ["belongs to another user", () => belongsToAnother()],
  ])("warns of a file that %s, and does without", async (_, spoil) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    await leaveFile();
    await spoil();
    const stage = liveStage();
    stage.store.outage(true);
    const pool = stage.mirrors.live(service, { snapshot: file });
    await eventually(() => warnings(stage).length === 1);
    expect(code(() => pool.pick())).toBe("NOT_READY");
    expect(stage.log.join()).not.toContain("secret");
    stage.store.outage(false);
    await stage.clock.advance(3_000);
    expect(code(() => pool.pick())).toBe("NO_HOST_FOUND");
    await pool.close();
    expect(await written()).toEqual([]);
  });
});

/** Only root can give a file away, and what root has is good enough for others. */
function belongsToAnother(): Promise<void> | undefined {
  if (process.getuid?.() === 0) return chown(file, 4_711, 4_711);
  vi.spyOn(process, "getuid").mockReturnValue(4_711);
  return undefined;
}

async function edit(from: string, to: string): Promise<void> {
  const text = await readFile(file, "utf8");
  expect(text).toContain(from);
  await writeFile(file, text.replace(from, to));
}
