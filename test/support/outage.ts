import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { Discovery } from "../../src/index.ts";
import { type EtcdCluster, startEtcd, startProxy, type TcpProxy } from "../../src/testing/index.ts";
import { eventually } from "./eventually.ts";
import { recordHistory } from "./history.ts";
import { leasesOf, noOrphanLease } from "./leases.ts";
import { RawEtcd } from "./raw-etcd.ts";
import { statesOf } from "./registrations.ts";
import { timeUntil, type Took } from "./time-until.ts";
import { witness } from "./witness.ts";

/** What of an etcd that registrations and followers reach through a proxy. */
export interface World {
  readonly etcd: EtcdCluster;
  readonly proxy: TcpProxy;
}

/** A way for etcd to be away. */
export interface Outage {
  readonly begin: (world: World) => unknown;

  /** Resolves when etcd can be reached again. */
  readonly end: (world: World) => unknown;

  /** How soon a follower notices at the latest, in milliseconds. */
  readonly noticedMs: number;

  /** Whether leases run out meanwhile, as etcd lives, and so followers may be told that hosts went. */
  readonly leasesRunOut: boolean;

  /** Whether what is on its way when it begins arrives when it ends. */
  readonly comesLate: boolean;
}

export const outages: Readonly<Record<string, Outage>> = {
  "that was killed": {
    begin: ({ etcd }) => etcd.kill(),
    end: ({ etcd }) => etcd.restart(),
    noticedMs: 2_000,
    leasesRunOut: false,
    comesLate: false,
  },
  "that hangs": {
    begin: ({ etcd }) => etcd.pause(),
    end: ({ etcd }) => etcd.resume(),
    noticedMs: 8_000,
    leasesRunOut: true,
    comesLate: true,
  },
  "behind a network that refuses": {
    begin: ({ proxy }) => proxy.refuse(),
    end: ({ proxy }) => proxy.heal(),
    noticedMs: 2_000,
    leasesRunOut: true,
    comesLate: false,
  },
  "behind a network that is silent": {
    begin: ({ proxy }) => proxy.stall(),
    end: ({ proxy }) => proxy.heal(),
    noticedMs: 8_000,
    leasesRunOut: true,
    comesLate: true,
  },
};

/** A registration must be back this long after etcd serves again. */
export const backMs = 2_000;

const publicHost = {
  hostname: "public-domain.dev",
  ports: { http: 80 },
  privateHostname: "node-1.internal.dev",
  public: true,
  user: "user",
  password: "secret",
};

/**
 * Lives through an outage with a public and two private hosts, changes their records meanwhile, and
 * sees to it that what is promised is kept. Returns how long after etcd served again all records
 * were back, and newest.
 */
export async function liveThrough(
  { begin, end, noticedMs, leasesRunOut, comesLate }: Outage,
  { awayMs, ttlSeconds }: { readonly awayMs: number; readonly ttlSeconds: number },
): Promise<Took> {
  await using etcd = await startEtcd();
  await using proxy = await startProxy(etcd.endpoint);
  const raw = new RawEtcd(etcd);
  const endpoints = [proxy.endpoint];
  await using discovery = new Discovery({ endpoints, ttlSeconds });
  const service = discovery.register("public", publicHost);
  const others = ["a", "b"].map((hostname) =>
    discovery.register("private", { hostname, ports: { http: 80 } }),
  );
  const all = [service, ...others];
  await Promise.all(all.map((each) => each.waitRegistration()));
  const keys = all.map(({ service, uuid }) => `/services/${service}/${uuid}`);
  await using history = await recordHistory(etcd, "public");
  await using following = new Discovery({ endpoints });
  await using follower = witness(following, "private");
  await follower.agrees(etcd);
  const hostsBefore = follower.views.at(-1)?.hosts;

  const begunAt = performance.now();
  await begin({ etcd, proxy });
  if (awayMs > noticedMs) {
    await eventually(() => follower.views.at(-1)?.freshness.source === "stale", 15_000);
  }
  // Whatever comes of waiting for it: the change stands.
  const update = (weight: number): void => {
    for (const each of all) each.update({ weight }).catch(() => {});
  };
  update(1);
  await sleep(awayMs / 2 - (performance.now() - begunAt));
  update(2);
  await sleep(awayMs - (performance.now() - begunAt));
  expect(follower.views.at(-1)?.hosts).toEqual(hostsBefore);
  const { source } = follower.views.at(-1)?.freshness ?? {};
  if (awayMs > noticedMs) expect(source).toBe("stale");
  if (awayMs > ttlSeconds * 1_000) {
    expect(all.map(({ state }) => state)).toEqual(all.map(() => "lost"));
  }
  const states = all.map(statesOf);
  const credentials = { user: "user", password: "rotated" };
  const rotated = service.rotateCredentials(credentials);
  await end({ etcd, proxy });

  const found = async () =>
    [...(await raw.list("/services/"))].map(([key, { value }]) => {
      const { weight, password } = JSON.parse(value) as { weight?: number; password?: string };
      return { key, weight, password };
    });
  const expected = keys.map((key, i) => {
    return { key, weight: 2, password: i === 0 ? "rotated" : undefined };
  });
  const took = await timeUntil(async () => {
    expect(await found()).toEqual(expect.arrayContaining(expected));
    expect(all.map(({ state }) => state)).toEqual(all.map(() => "registered"));
  }, 5 * backMs);
  await rotated;
  expect((await found()).length).toBe(all.length);
  expect(states).toEqual(all.map(() => ["registered"]));

  // Nothing but the newest was written, but for a write that was on its way when the outage began.
  const written = (await history.upToNow()).flatMap(({ record }) => record ?? []);
  const weights = written.flatMap((record) => ("uuid" in record ? [record.weight ?? 0] : []));
  if (comesLate && weights[0] === 1) weights.shift();
  expect(new Set(weights)).toEqual(new Set([2]));
  expect(written.every(({ user, password }) => user !== "" && password !== "")).toBe(true);

  await follower.agrees(etcd, 10_000);
  if (!leasesRunOut) expect(follower.told.filter((event) => event.startsWith("down"))).toEqual([]);
  expect(leasesOf(await raw.list("/services/")).length).toBe(1);
  // One that was lost is given up, and runs out; a restarted etcd begins to count anew.
  if (awayMs > 5_000) await noOrphanLease(raw, { withinMs: (ttlSeconds + 10) * 1_000 });
  return took;
}
