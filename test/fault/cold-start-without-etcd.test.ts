import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { collect } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { requests } from "../support/requests.ts";
import { durationOf } from "../support/registrations.ts";

test("a process that starts before etcd knows nothing, which is not the same as no hosts; then all is read once", async () => {
  await using etcd = await startEtcd();
  await using other = new Discovery({ endpoints: etcd.endpoints });
  const there = other.register("full-service", { hostname: "a", ports: { http: 80 } });
  await there.waitRegistration();
  await etcd.kill();

  await using discovery = new Discovery({ endpoints: etcd.endpoints, timeoutMs: 500 });
  const lookups = Array.from({ length: 50 }, () => discovery.get("full-service").one());
  const tookMs = durationOf(Promise.allSettled(lookups));
  for (const lookup of await Promise.allSettled(lookups)) {
    expect(lookup).toMatchObject({ reason: { code: "UNAVAILABLE", retryable: true } });
  }
  expect(await tookMs).toBeLessThan(1_500);

  const full = Array.from({ length: 20 }, () => {
    return collect(
      discovery.subscribe("full-service", { existing: true }),
      ({ host }) => host.uuid,
    );
  });
  const views = ["full-service", "empty-service"].map((service) => ({
    feed: discovery.changes(service),
    read: [] as number[],
  }));
  for (const { feed, read } of views) {
    void (async () => {
      for await (const { hosts } of feed) read.push(hosts.length);
    })();
  }
  const ready = views.map(({ feed }) => feed.waitReady());
  await eventually(() => discovery.health().services.every(({ lastError }) => lastError));
  // Nobody was told that there are none.
  expect(views.map(({ read }) => read)).toEqual([[], []]);
  expect(full.every(({ items }) => items.length === 0)).toBe(true);
  const health = discovery.health();
  expect(health.services.map(({ source, revision }) => [source, revision])).toEqual([
    ["stale", 0],
    ["stale", 0],
  ]);

  await etcd.restart();
  const servesSince = performance.now();
  await Promise.all(ready);
  const readyMs = performance.now() - servesSince;
  expect(readyMs).toBeLessThan(2_000);
  console.log(`read ${Math.round(readyMs)} ms after etcd served`);
  await eventually(() => views.every(({ read }) => read.length > 0));
  expect(views.map(({ read }) => read[0])).toEqual([1, 0]);
  await eventually(() => full.every(({ items }) => items.length === 1));
  expect(new Set(full.flatMap(({ items }) => items))).toEqual(new Set([there.uuid]));
  // Twenty-two followers, two services: two readings. (The other process's are its own.)
  await expect(discovery.get("empty-service").one()).rejects.toMatchObject({
    code: "SERVICE_NOT_FOUND",
  });
  expect((await discovery.get("full-service").one()).uuid).toBe(there.uuid);
  // One stream a process; the other process may still be on its way back.
  await eventually(async () => ((await requests(etcd))["Watch"] ?? 0) >= 2);
  const { Watch = 0, Txn = 0 } = await requests(etcd);
  expect(Watch).toBe(2);
  console.log(`etcd was asked ${Txn} times`);
  expect(Txn).toBeLessThan(10);
});
