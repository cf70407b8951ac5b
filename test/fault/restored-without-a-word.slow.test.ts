import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd, startProxy } from "../../src/testing/index.ts";
import { hostValue, infoValue } from "../support/host-value.ts";
import { measured } from "../support/measured.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { witness } from "../support/witness.ts";

/** Half a minute, a little for what may be on its way, and a little for a busy machine. */
const foundMs = 45_000;

test("what a restored etcd holds of before, and no watch tells, is found within half a minute", async () => {
  await using etcd = await startEtcd();
  await using proxy = await startProxy(etcd.endpoint);
  const raw = new RawEtcd(etcd);
  await using following = new Discovery({ endpoints: [proxy.endpoint] });
  // One that lives by a lease bears witness of the history up to it, and of nothing after it.
  await raw.put("/services/api/leased", hostValue("api", "leased"), await raw.grant());
  await raw.put("/services_infos/api", infoValue("api", "first"));
  await using seen = witness(following, "api");
  await seen.agrees(etcd);

  const backup = await etcd.backup();
  await raw.put("/services/api/gone", hostValue("api", "gone"));
  await raw.put("/services_infos/api", infoValue("api", "second"));
  await seen.agrees(etcd);
  expect([...seen.known.keys()]).toEqual(["leased", "gone"]);

  const before = await raw.get("/services_infos/api");
  proxy.refuse();
  await etcd.restore(backup);
  const restored = await raw.get("/services_infos/api");
  expect(restored?.revision).toBeLessThan(before?.revision ?? 0);
  await raw.put("/services/api/new", hostValue("api", "new"));
  for (let written = 0; written < 50; written += 1) await raw.put("/elsewhere", String(written));
  // As long as a restore takes where a person does it.
  await expect
    .poll(() => following.health().services[0]?.ageMs, { timeout: 10_000 })
    .toBeGreaterThan(3_500);
  proxy.heal();
  const since = performance.now();
  await seen.agrees(etcd, foundMs);
  measured("restored without a word: a follower agrees", performance.now() - since);
  expect([...seen.known.keys()].toSorted()).toEqual(["leased", "new"]);
  expect(following.health().services).toMatchObject([{ source: "live", driftRepaired: 3 }]);
}, 120_000);
