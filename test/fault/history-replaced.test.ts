import { describe, expect, test } from "vitest";
import { Discovery, type Registration } from "../../src/index.ts";
import {
  type EtcdBackup,
  type EtcdCluster,
  startEtcd,
  startProxy,
  type TcpProxy,
} from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { noOrphanLease } from "../support/leases.ts";
import { measured } from "../support/measured.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { witness } from "../support/witness.ts";

/** A registration must have noticed it, and be back, within this time. */
const noticedMs = 10_000;

const publicHost = (hostname: string) => ({
  hostname: "public-domain.dev",
  ports: { http: 80 },
  privateHostname: hostname,
  public: true,
  user: "user",
  password: "first",
});

interface World {
  readonly etcd: EtcdCluster;
  readonly proxy: TcpProxy;
  readonly backup: EtcdBackup;

  /** What is behind the proxy in the end. */
  now: EtcdCluster;
}

/** Writes until the revision has passed what it was. */
async function growPast(etcd: EtcdCluster, revision: number): Promise<void> {
  const raw = new RawEtcd(etcd);
  for (;;) {
    await raw.put("/elsewhere", "1");
    if (((await raw.get("/elsewhere"))?.revision ?? 0) > revision) return;
  }
}

async function revisionOf(etcd: EtcdCluster): Promise<number> {
  const raw = new RawEtcd(etcd);
  await raw.put("/elsewhere", "0");
  return (await raw.get("/elsewhere"))?.revision ?? 0;
}

const replacements: Record<string, (world: World) => Promise<void>> = {
  "that was wiped": ({ etcd }) => etcd.wipe(),
  "that was restored from an older backup": ({ etcd, backup }) => etcd.restore(backup),
  "that was restored from an older backup, and has come further than before since": async ({
    etcd,
    proxy,
    backup,
  }) => {
    const revision = await revisionOf(etcd);
    proxy.refuse();
    await etcd.restore(backup);
    await growPast(etcd, revision + 5);
    proxy.heal();
  },
  "that was wiped, and has come further than before since": async ({ etcd, proxy }) => {
    const revision = await revisionOf(etcd);
    proxy.refuse();
    await etcd.wipe();
    await growPast(etcd, revision + 5);
    proxy.heal();
  },
  "in whose place there is another": async (world) => {
    world.now = await startEtcd();
    await growPast(world.now, 100);
    world.proxy.redirect(world.now.endpoint);
  },
};

describe.concurrent(
  "registrations are back within 10 s, with the newest records and credentials, on an etcd",
  { timeout: 60_000 },
  () => {
    test.each(Object.entries(replacements))("%s", async (name, replace) => {
      await using etcd = await startEtcd();
      await using proxy = await startProxy(etcd.endpoint);
      const endpoints = [proxy.endpoint];
      // Long, so that it is not the end of the lease that makes them write again.
      await using first = new Discovery({ endpoints, ttlSeconds: 20 });
      await using second = new Discovery({ endpoints, ttlSeconds: 20 });
      await using following = new Discovery({ endpoints });
      const registrations: Registration[] = [
        first.register("public", publicHost("a")),
        second.register("public", publicHost("b")),
        second.register("private", { hostname: "b", ports: { http: 80 } }),
      ];
      await Promise.all(registrations.map((each) => each.waitRegistration()));
      const [rotating] = registrations;
      await using follower = witness(following, "public");
      await follower.agrees(etcd);

      const world: World = { etcd, proxy, backup: await etcd.backup(), now: etcd };
      await rotating?.rotateCredentials({ user: "user", password: "second" });
      for (const each of registrations) await each.update({ weight: 7 });
      await eventually(() => registrations[1]?.credentials().password === "second");
      const records = async (cluster: EtcdCluster) => {
        const all = await new RawEtcd(cluster).list("/services");
        return new Map([...all].map(([key, { value }]) => [key, value]));
      };
      const before = await records(etcd);
      expect(before.size).toBe(5);

      await replace(world);
      const servesSince = performance.now();
      await eventually(async () => expect(await records(world.now)).toEqual(before), noticedMs, 10);
      measured(`history replaced: an etcd ${name}`, performance.now() - servesSince);
      await eventually(() => registrations.every(({ state }) => state === "registered"));
      await follower.agrees(world.now, noticedMs);
      expect(registrations.map((each) => each.credentials().password)).toEqual([
        "second",
        "second",
        "",
      ]);
      // A machine that is very busy may lose them all, and leave the old ones to run out.
      await noOrphanLease(new RawEtcd(world.now), { withinMs: 30_000 });
      expect(await records(world.now)).toEqual(before);
      await Promise.all([first.close(), second.close(), following.close()]);
      expect(await new RawEtcd(world.now).list("/services/")).toEqual(new Map());
      if (world.now !== etcd) await world.now.stop();
    });
  },
);
