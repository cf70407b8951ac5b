import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Discovery, type Host, isDiscoveryError } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { recordingLogger } from "../support/recording-logger.ts";

let etcd: EtcdCluster;

beforeAll(async () => {
  etcd = await startEtcd({ args: ["--enable-v2"] });
});

afterAll(() => etcd.stop());

/** One process as `docs/from-go.md` has it while a fleet moves from one API to the other. */
function bothWorlds(prefix: string = `/both-${randomUUID()}`) {
  const old = new Discovery({ endpoints: etcd.endpoints, prefix, api: 2 });
  const next = new Discovery({ endpoints: etcd.endpoints, prefix, api: 3 });
  return {
    prefix,
    old,
    next,
    find: (name: string): Promise<Host> =>
      next
        .get(name)
        .one()
        .catch((error: unknown) => {
          if (!isDiscoveryError(error)) throw error;
          if (error.code !== "SERVICE_NOT_FOUND" && error.code !== "NO_HOST_FOUND") throw error;
          return old.get(name).one();
        }),
    async [Symbol.asyncDispose]() {
      await Promise.all([old.close(), next.close()]);
    },
  };
}

const host = (name: string) => ({ hostname: `${name}.internal.dev`, ports: { http: 80 } });

describe("one process in both worlds", () => {
  test("is found in each, and finds who is in only one of them", async () => {
    await using worlds = bothWorlds();
    const { old, next, find } = worlds;
    const registrations = [old, next].map((world) => world.register("both", host("here")));
    await Promise.all(registrations.map((registration) => registration.waitRegistration()));
    await old.register("left", host("older")).waitRegistration();
    await next.register("moved", host("newer")).waitRegistration();

    expect(String(await old.get("both").one())).toBe("here.internal.dev");
    expect(String(await find("both"))).toBe("here.internal.dev");
    expect(String(await find("left"))).toBe("older.internal.dev");
    expect(String(await find("moved"))).toBe("newer.internal.dev");
    await expect(find("nowhere")).rejects.toMatchObject({ code: "SERVICE_NOT_FOUND" });
    expect(await old.services({ alive: true })).toEqual(["both", "left"]);
    expect(await next.services({ alive: true })).toEqual(["both", "moved"]);
  });

  test("neither sees what the other writes or deletes", async () => {
    await using worlds = bothWorlds();
    const { old, next } = worlds;
    const [inOld, inNext] = [old, next].map((world) => world.register("api", host("here")));
    await inOld?.waitRegistration();
    await inNext?.waitRegistration();
    await inOld?.unregister();
    expect(await next.get("api").all()).toHaveLength(1);
    await expect(old.get("api").all()).rejects.toMatchObject({ code: "NO_HOST_FOUND" });
    expect(inNext?.state).toBe("registered");
  });

  test("carries credentials over as they change", async () => {
    await using worlds = bothWorlds();
    await using elsewhere = bothWorlds(worlds.prefix);
    const shared = { ...host("api"), public: true };
    const inOld = worlds.old.register("api", { ...shared, user: "u", password: "first" });
    const inNext = worlds.next.register("api", shared);
    const carried = (async () => {
      const changes = inOld.credentialChanges();
      await Promise.all([inOld.waitRegistration(), inNext.waitRegistration()]);
      await inNext.rotateCredentials(inOld.credentials());
      for await (const credentials of changes) await inNext.rotateCredentials(credentials);
    })();
    const passwordIn = async (world: Discovery) => (await world.get("api").service()).password;
    await eventually(async () => (await passwordIn(worlds.next)) === "first", 5_000, 20);

    const other = elsewhere.old.register("api", { ...shared, user: "u", password: "second" });
    await other.waitRegistration();
    await eventually(async () => (await passwordIn(worlds.next)) === "second", 5_000, 20);
    expect(await passwordIn(worlds.old)).toBe("second");
    await inOld.unregister();
    await carried;
  });
});

test("a name that etcd's v2 API hides is registered, found and followed, but not listed", async () => {
  await using worlds = bothWorlds();
  const { old } = worlds;
  const followed = old.subscribe("_hidden");
  await followed.waitReady();
  const registration = old.register("_hidden", host("here"));
  await registration.waitRegistration();
  await old.register("seen", host("here")).waitRegistration();
  expect((await followed.next()).value).toMatchObject({ type: "up" });
  expect(await old.get("_hidden").url()).toBe("http://here.internal.dev:80");
  expect(await old.services()).toEqual(["seen"]);
  await registration.unregister();
  await eventually(async () => (await followed.next()).value?.type === "down");
});

test("an etcd that does not serve API 2 is an error with the remedy, and one line in the log", async () => {
  await using plain = await startEtcd();
  const logger = recordingLogger();
  await using discovery = new Discovery({ endpoints: plain.endpoints, api: 2, logger });
  const said = expect.stringMatching(/--enable-v2.*api: 3/) as string;
  const unavailable = { code: "UNAVAILABLE", message: said };
  await expect(discovery.get("api").one()).rejects.toMatchObject(unavailable);
  await expect(discovery.services()).rejects.toMatchObject(unavailable);

  const registration = discovery.register("api", host("here"));
  await eventually(() => registration.lastError !== undefined);
  expect(registration.lastError).toMatchObject(unavailable);
  expect(registration.state).toBe("registering");
  await eventually(() => logger.lines.some(({ level }) => level === "warn"));
  // It goes on trying, without a word: somebody may start that etcd again with the flag.
  const tries = () => logger.lines.length;
  const sofar = tries();
  await eventually(() => tries() > sofar + 2, 10_000, 20);
  const warnings = logger.lines.filter(({ level }) => level === "warn");
  expect(warnings).toMatchObject([{ fields: { error: said } }]);
});
