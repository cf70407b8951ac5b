import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { startEtcd } from "../../src/testing/index.ts";
import { busyService, startBusyClient } from "../support/busy-client.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { signIns } from "../support/sign-ins.ts";

const auth = {
  rootPassword: "root-secret",
  roles: [{ name: "all", permissions: [{ access: "readwrite", prefix: "/services" } as const] }],
  users: [{ name: "ann", password: "old-secret", roles: ["all"] }],
};

test.concurrent("a password is changed: the new one is asked for and signed in with once, and nothing is lost", async () => {
  await using etcd = await startEtcd({ auth });
  const counted = signIns(etcd, "root-secret");
  let password = "old-secret";
  const ttlSeconds = 2;
  await using client = await startBusyClient(etcd, {
    ttlSeconds,
    auth: async () => ({ username: "ann", password }),
  });
  await client.follower.agrees(counted);
  const key = `/services/${busyService}/${client.registration.uuid}`;
  const before = await new RawEtcd(counted).get(key);
  const signedInBefore = await counted.others();

  password = "new-secret";
  const changedAt = performance.now();
  await counted.call("/v3/auth/user/changepw", { name: "ann", password: "new-secret" });
  await client.registration.update({ weight: 2 });
  await client.follower.agrees(counted);
  await sleep(ttlSeconds * 1_600 - (performance.now() - changedAt));
  expect(client.lookups.failures).toEqual([]);
  expect(client.states).toEqual([]);
  expect((await new RawEtcd(counted).get(key))?.created).toBe(before?.created);
  expect((await counted.others()) - signedInBefore).toBe(1);
  expect(client.warnings().length).toBeLessThan(5);
});

test.concurrent("as long as only the old password is known, a registration is kept, and it goes on as soon as the new one is", async () => {
  await using etcd = await startEtcd({ auth });
  const counted = signIns(etcd, "root-secret");
  let password = "old-secret";
  const ttlSeconds = 2;
  await using client = await startBusyClient(etcd, {
    ttlSeconds,
    auth: () => ({ username: "ann", password }),
  });
  const key = `/services/${busyService}/${client.registration.uuid}`;
  const before = await new RawEtcd(counted).get(key);
  const signedInBefore = await counted.others();

  await counted.call("/v3/auth/user/changepw", { name: "ann", password: "new-secret" });
  const update = client.registration.update({ weight: 2 }).catch(() => {});
  await eventually(() => client.lookups.failures.length > 0);
  expect(client.lookups.failures[0]).toMatchObject({ code: "UNAUTHENTICATED" });
  await sleep(ttlSeconds * 1_600);
  expect(client.states.filter((state) => state !== "registering")).toEqual([]);
  expect((await new RawEtcd(counted).get(key))?.created).toBe(before?.created);
  // At 50 ms at first, then less and less often, though twenty lookups a second want it.
  expect((await counted.others()) - signedInBefore).toBeLessThan(20);

  password = "new-secret";
  const knownSince = performance.now();
  await update;
  await eventually(async () => (await client.discovery.get(busyService).one()).weight === 2, 4_000);
  console.log(`back ${Math.round(performance.now() - knownSince)} ms after the new password`);
  await client.follower.agrees(counted);
  expect(client.warnings().length).toBeLessThan(20);
});
