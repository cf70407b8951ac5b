import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { busyService, startBusyClient } from "../support/busy-client.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { signIns } from "../support/sign-ins.ts";

const auth = {
  rootPassword: "root-secret",
  roles: [{ name: "all", permissions: [{ access: "readwrite", prefix: "/services" } as const] }],
  users: [{ name: "ann", password: "ann-secret", roles: ["all"] }],
};

test("etcd begins to ask for passwords: who has one goes on and signs in once, who has none keeps what it knows", async () => {
  await using etcd = await startEtcd({ args: ["--bcrypt-cost", "4"] });
  const counted = signIns(etcd, "root-secret");
  const ttlSeconds = 2;
  await using ann = await startBusyClient(etcd, {
    ttlSeconds,
    auth: { username: "ann", password: "ann-secret" },
  });
  await using stranger = await startBusyClient(etcd, { ttlSeconds, timeoutMs: 500 });
  await ann.follower.agrees(etcd);
  const key = `/services/${busyService}/${ann.registration.uuid}`;
  const before = await new RawEtcd(etcd).get(key);
  const signedInBefore = await counted.others();

  await etcd.enableAuth(auth);
  const enabledAt = performance.now();
  await ann.registration.update({ weight: 2 });
  await using newcomer = new Discovery({
    endpoints: etcd.endpoints,
    auth: () => ({ username: "ann", password: "ann-secret" }),
  });
  const arrival = newcomer.register(busyService, { hostname: "new", ports: { http: 80 } });
  await arrival.waitRegistration();
  await eventually(() => ann.follower.known.has(arrival.uuid));
  // Longer than a lease that nobody keeps.
  await sleep(ttlSeconds * 1_600 - (performance.now() - enabledAt));

  expect(ann.lookups.failures).toEqual([]);
  expect(ann.states).toEqual([]);
  expect((await new RawEtcd(counted).get(key))?.created).toBe(before?.created);
  await ann.follower.agrees(counted);
  // Ann and the newcomer.
  expect((await counted.others()) - signedInBefore).toBe(2);
  expect(ann.warnings().length).toBeLessThan(10);

  await expect(stranger.discovery.get(busyService).all()).rejects.toMatchObject({
    code: "UNAUTHENTICATED",
  });
  const known = stranger.follower.views.at(-1)?.hosts.map(({ uuid }) => uuid) ?? [];
  expect(known).toEqual(expect.arrayContaining([ann, stranger].map((c) => c.registration.uuid)));
  expect(stranger.warnings().length).toBeLessThan(20);
  stranger.follower.check();
});
