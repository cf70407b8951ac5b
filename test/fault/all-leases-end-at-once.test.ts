import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { witness } from "../support/witness.ts";

const service = "fleet-service";
const fleetSize = 20;

test("all leases ended at once is told otherwise than all hosts leaving at once, and mends itself within 2 s", async () => {
  await using etcd = await startEtcd();
  const raw = new RawEtcd(etcd);
  await using observer = new Discovery({ endpoints: etcd.endpoints });
  const follower = witness(observer, service);
  const fleet = Array.from({ length: fleetSize }, () => {
    return new Discovery({ endpoints: etcd.endpoints });
  });
  try {
    const registrations = fleet.map((discovery, i) =>
      discovery.register(service, { hostname: `node-${i}`, ports: { http: 80 } }),
    );
    await Promise.all(registrations.map((each) => each.waitRegistration()));
    await follower.agrees(etcd);
    const uuids = registrations.map(({ uuid }) => uuid).sort();
    const told = (kind: string, since: number): string[] =>
      follower.events
        .slice(since)
        .filter(({ type, reason }) => `${type} ${reason}` === kind)
        .map(({ host }) => host.uuid)
        .sort();

    const beforeRevoking = follower.events.length;
    const leases = await raw.leases();
    expect(leases.length).toBe(fleetSize);
    await Promise.all(leases.map((lease) => raw.revoke(lease)));
    const revokedAt = performance.now();
    await eventually(() => registrations.every(({ state }) => state === "registered"));
    await eventually(async () => (await raw.list(`/services/${service}/`)).size === fleetSize);
    await follower.agrees(etcd);
    const backMs = performance.now() - revokedAt;
    console.log(`${fleetSize} hosts were back after ${Math.round(backMs)} ms`);
    expect(backMs).toBeLessThan(2_000);
    expect(told("down expired", beforeRevoking)).toEqual(uuids);
    expect(told("up undefined", beforeRevoking)).toEqual(uuids);
    expect(told("down unregistered", beforeRevoking)).toEqual([]);

    const beforeLeaving = follower.events.length;
    await Promise.all(fleet.map((discovery) => discovery.close()));
    await follower.agrees(etcd);
    expect(told("down unregistered", beforeLeaving)).toEqual(uuids);
    expect(told("down expired", beforeLeaving)).toEqual([]);
    follower.check();
  } finally {
    await Promise.all(fleet.map((discovery) => discovery.close()));
  }
});
