import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { Discovery, type LivePool, roundRobin } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { runChild } from "../support/child.ts";
import { etcdMetrics } from "../support/etcd-metrics.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const host = (name: string) => ({ hostname: `${name}.internal.dev`, ports: { http: 80 } });

const names = (pool: LivePool) => pool.hosts.map(String).sort();

test.concurrent("a pool on etcd knows the hosts that come, drain, go and die", async () => {
  const endpoints = [inject("etcd")];
  const prefix = `/live-${randomUUID()}`;
  await using here = new Discovery({ endpoints, prefix });
  await using there = new Discovery({ endpoints, prefix, ttlSeconds: 2 });
  await using pool = here.live("api", { strategy: roundRobin() });
  await pool.waitReady();
  expect(() => pool.pick()).toThrow(expect.objectContaining({ code: "NO_HOST_FOUND" }));

  const [one, two] = [there.register("api", host("one")), there.register("api", host("two"))];
  await eventually(() => expect(names(pool)).toEqual(["one.internal.dev", "two.internal.dev"]));
  expect(pool.freshness).toMatchObject({ source: "live", ageMs: 0 });
  const urls = await Promise.all([1, 2].map(() => pool.use((each) => each.url("http", "/x"))));
  expect(urls.sort()).toEqual(["one", "two"].map((name) => `http://${name}.internal.dev:80/x`));

  const drained = one.drain({ delayMs: 300 });
  await eventually(() => expect(pool.pickable.map(String)).toEqual(["two.internal.dev"]));
  expect(names(pool)).toHaveLength(2);
  await drained;
  await eventually(() => expect(names(pool)).toEqual(["two.internal.dev"]));
  await two.unregister();
  await eventually(() => expect(names(pool)).toEqual([]));

  // One whose process is killed stays until its lease ends.
  await using child = await runChild(
    `
    const discovery = new Discovery({ ttlSeconds: 2 });
    await discovery.register("api", ${JSON.stringify(host("dies"))}).waitRegistration();
    say({ registered: true });
    `,
    { env: { ETCD_HOSTS: inject("etcd"), ETCD_PREFIX: prefix } },
  );
  await eventually(() => expect(names(pool)).toEqual(["dies.internal.dev"]), 10_000);
  child.kill("SIGKILL");
  await eventually(() => expect(names(pool)).toEqual([]), 10_000);
});

test.concurrent("a pool goes on without etcd, starts without it from a snapshot, and is live again with it", async () => {
  await using folder = await temporaryFolder();
  const snapshot = join(folder.path, "api.json");
  await using etcd = await startEtcd();
  const { endpoints } = etcd;
  await using registered = new Discovery({ endpoints, ttlSeconds: 60 });
  for (const name of ["one", "two"]) {
    await registered.register("api", host(name)).waitRegistration();
  }
  const first = new Discovery({ endpoints });
  await using pool = first.live("api", { snapshot });
  await pool.waitReady();
  await eventually(() => pool.hosts.length === 2);
  const { revision } = pool.freshness;

  await etcd.kill();
  await eventually(() => pool.freshness.source === "stale");
  expect(pool.pick({ exclude: pool.hosts[0] })).toBe(pool.hosts[1]);
  expect(pool.freshness.revision).toBe(revision);
  const stale = first.get("api", { maxStaleMs: 60_000 });
  expect(await stale.all()).toHaveLength(2);
  await first.close();
  expect(() => pool.pick()).toThrow(expect.objectContaining({ code: "CLOSED" }));

  await using second = new Discovery({ endpoints });
  await using strict = second.live("api", { snapshot, maxStaleMs: 1 });
  await using started = second.live("api", { snapshot });
  await Promise.all([strict, started].map((each) => each.waitReady()));
  expect(started.freshness).toMatchObject({ source: "disk", revision });
  expect(names(started)).toEqual(["one.internal.dev", "two.internal.dev"]);
  expect(String(started.pick())).toMatch(/^(one|two)\.internal\.dev$/);
  expect(() => strict.pick()).toThrow(expect.objectContaining({ code: "UNAVAILABLE" }));

  await etcd.restart();
  await eventually(() => started.freshness.source === "live", 10_000);
  expect(names(started)).toEqual(["one.internal.dev", "two.internal.dev"]);
  expect(strict.pick().hostname).toMatch(/internal\.dev$/);
});

test.concurrent("many pools in one process share one watch stream, and those of one service one watch", async () => {
  await using etcd = await startEtcd();
  await using discovery = new Discovery({ endpoints: etcd.endpoints });
  const before = await etcdMetrics(etcd);
  const pools = Array.from({ length: 50 }, (_, index) => discovery.live(`api-${index % 25}`));
  await Promise.all(pools.map((pool) => pool.waitReady()));
  // A service has two ranges: its hosts, and its info.
  await eventually(async () => {
    const { watchers, watchStreams } = await etcdMetrics(etcd);
    expect({ watchers, watchStreams }).toEqual({
      watchers: before.watchers + 50,
      watchStreams: before.watchStreams + 1,
    });
  });
});

test.concurrent("a pool does not keep a process alive, and is a function of the default discovery", async () => {
  await using child = await runChild(
    `
    const pool = service.live("api");
    await pool.waitReady();
    say(pool.freshness);
    `,
    { env: { ETCD_HOSTS: inject("etcd"), ETCD_PREFIX: `/live-${randomUUID()}` } },
  );
  expect(await child.exit).toEqual({ code: 0, signal: null, stderr: "" });
  expect(child.said).toMatchObject([{ source: "live" }]);
});
