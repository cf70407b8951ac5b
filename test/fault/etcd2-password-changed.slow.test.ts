import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { askForPasswordsV2 } from "../support/etcd2-auth.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { statesOf } from "../support/registrations.ts";
import { witness } from "../support/witness.ts";

const auth = {
  rootPassword: "root-secret",
  roles: [{ name: "all", permissions: [{ access: "readwrite", prefix: "/services" } as const] }],
  users: [{ name: "ann", password: "old-secret", roles: ["all"] }],
};

const host = { hostname: "node-1.internal.dev", ports: { http: 80 } };
const ttlSeconds = 3;

/** The v2 API hashes the password of each request with much effort: it must not be asked too often. */
const everyMs = 500;

async function world() {
  const etcd = await startEtcd({ args: ["--enable-v2"] });
  const users = await askForPasswordsV2(etcd, auth);
  const raw = new RawEtcdV2(etcd.endpoint, auth.rootPassword);
  const known = { password: "old-secret", asked: 0 };
  const logger = recordingLogger();
  const discovery = new Discovery({
    api: 2,
    endpoints: etcd.endpoints,
    ttlSeconds,
    logger,
    auth: async () => {
      known.asked += 1;
      return { username: "ann", password: known.password };
    },
  });
  const registration = discovery.register("api", host);
  await registration.waitRegistration();
  const follower = witness(discovery, "api");
  await eventually(() => follower.told.length === 1);
  const key = `/services/api/${registration.uuid}`;
  return {
    ...{ raw, users, known, logger, discovery, registration, follower },
    states: statesOf(registration),
    createdAt: async () => (await raw.get(key))?.createdIndex,
    async [Symbol.asyncDispose]() {
      await discovery.close();
      await etcd.stop();
    },
  };
}

test("the password of a user of etcd's v2 API is changed: the new one is asked for, and nothing is lost", async () => {
  await using it = await world();
  const before = await it.createdAt();
  const { asked } = it.known;
  it.known.password = "new-secret";
  await it.users.changePassword("ann", "new-secret");
  const changedAt = performance.now();
  await sleep(ttlSeconds * 1_200 - (performance.now() - changedAt));
  expect(await it.createdAt()).toBe(before);
  expect(it.states).toEqual([]);
  await it.registration.update({ weight: 2 });
  await eventually(() => expect(it.follower.told.at(-1)).toMatch(/^update/));
  expect((await it.discovery.get("api").one()).weight).toBe(2);
  expect(it.known.asked - asked).toBe(1);
  expect(it.logger.text()).not.toContain("secret");
});

test("as long as only the old password of a user of etcd's v2 API is known lookups say so, and all is back as soon as the new one is", async () => {
  await using it = await world();
  await it.users.changePassword("ann", "new-secret");
  await expect(it.discovery.get("api").all()).rejects.toMatchObject({
    code: expect.stringMatching(/^(UNAUTHENTICATED|PERMISSION_DENIED)$/) as string,
  });
  // v2 lets nobody keep a key alive without the password.
  const gone = async () => (await it.createdAt()) === undefined;
  await eventually(gone, 4 * ttlSeconds * 1_000, everyMs);
  expect(it.known.asked).toBeLessThan(30);
  it.known.password = "new-secret";
  await eventually(() => it.registration.state === "registered", 6_000);
  await eventually(() => expect(it.follower.views.at(-1)?.freshness.source).toBe("live"), 6_000);
  it.follower.check();
  expect((await it.discovery.get("api").one()).uuid).toBe(it.registration.uuid);
  expect(it.logger.text()).not.toContain("secret");
});
