import { describe, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd, startProxy } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { measured } from "../support/measured.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { statesOf } from "../support/registrations.ts";
import { timeUntil } from "../support/time-until.ts";
import { witness } from "../support/witness.ts";

const host = { hostname: "node-1.internal.dev", ports: { http: 80 } };

describe.concurrent("a stream's life is not the lease's", { timeout: 60_000 }, () => {
  test("connections that break all the time cost no registration its lease, and no follower a word", async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoint);
    const raw = new RawEtcd(etcd);
    await using discovery = new Discovery({ endpoints: [proxy.endpoint], ttlSeconds: 4 });
    const registration = discovery.register("kept", host);
    await registration.waitRegistration();
    await using follower = witness(discovery, "kept");
    await follower.agrees(etcd);
    const states = statesOf(registration);
    const before = await raw.list("/services/");
    const made = proxy.connections;
    const begunAt = performance.now();
    // Longer than the lease lives without an answer.
    while (performance.now() - begunAt < 6_000) {
      const connections = proxy.connections;
      proxy.cut();
      await eventually(() => proxy.connections > connections, 3_000, 20);
      // A break now and then, or the next would come before anything could be said.
      const [{ lease } = { lease: "" }] = before.values();
      await eventually(
        async () => {
          const { TTL } = await etcd.call("/v3/lease/timetolive", { ID: lease });
          return Number(TTL) >= 1;
        },
        3_000,
        20,
      );
      await eventually(() => follower.views.at(-1)?.freshness.source === "live", 3_000, 20);
    }
    expect(proxy.connections - made).toBeGreaterThan(3);
    expect(await raw.list("/services/")).toEqual(before);
    expect(states).toEqual([]);
    expect(follower.told).toEqual([`up ${registration.uuid}`]);
  });

  test("a lease that ended while its streams live is given up, and no connection for it", async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoint);
    const raw = new RawEtcd(etcd);
    await using discovery = new Discovery({ endpoints: [proxy.endpoint], ttlSeconds: 3 });
    const registration = discovery.register("kept", host);
    await registration.waitRegistration();
    const key = `/services/kept/${registration.uuid}`;
    const before = await raw.get(key);
    const connections = proxy.connections;
    await raw.revoke(before?.lease ?? "");
    const { tookMs, ownMs } = await timeUntil(async () => {
      const now = await raw.get(key);
      expect(now?.value).toBe(before?.value);
      expect(now?.lease).not.toBe(before?.lease);
    }, 10_000);
    measured("a lease that ended on a stream that lives", tookMs);
    expect(ownMs).toBeLessThan(2_000);
    expect(proxy.connections).toBe(connections);
    await eventually(() => registration.state === "registered");
  });
});
