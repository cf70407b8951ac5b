import { describe, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd, startProxy } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { measured } from "../support/measured.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { statesOf } from "../support/registrations.ts";
import { witness } from "../support/witness.ts";

/** A dead connection must be noticed within this time. */
const noticedMs = 10_000;

const ttlSeconds = 5;

describe.concurrent("connections that fall silent without a word", { timeout: 60_000 }, () => {
  test.each([1, 2])(
    "cost no registration its lease, and no follower a change, with %i endpoints and several discoveries in one process",
    async (size) => {
      await using etcd = await startEtcd();
      const raw = new RawEtcd(etcd);
      await using first = await startProxy(etcd.endpoint);
      await using second = await startProxy(etcd.endpoint);
      const endpoints = [first, second].slice(0, size).map(({ endpoint }) => endpoint);
      const discoveries = Array.from({ length: 4 }, () => new Discovery({ endpoints, ttlSeconds }));
      const registrations = discoveries.map((discovery) =>
        discovery.register("kept", { hostname: "node-1.internal.dev", ports: { http: 80 } }),
      );
      await Promise.all(registrations.map((each) => each.waitRegistration()));
      const followers = discoveries.map((discovery) => witness(discovery, "kept"));
      await Promise.all(followers.map((follower) => follower.agrees(etcd)));
      const states = registrations.map(statesOf);
      const before = await raw.list("/services/kept/");
      const [lease] = [...before.values()].map((record) => record.lease);
      expect(before.size).toBe(4);

      const connections = () => first.connections + second.connections;
      const made = connections();
      first.drop();
      second.drop();
      const droppedAt = performance.now();
      await raw.put("/services/kept/late", '{"name":"late","ports":{"http":"1"}}', lease);
      await eventually(() => followers.every(({ known }) => known.has("late")), noticedMs, 5);
      measured(
        `connections dropped, ${size} endpoints: all followers told`,
        performance.now() - droppedAt,
      );
      // The silent ones are all given up, and no more made than have to be.
      await eventually(() => connections() >= made + discoveries.length, noticedMs, 5);
      measured(
        `connections dropped, ${size} endpoints: all made anew`,
        performance.now() - droppedAt,
      );
      expect(performance.now() - droppedAt).toBeLessThan(noticedMs);
      await Promise.all(followers.map((follower) => follower.agrees(etcd)));
      for (const { told } of followers)
        expect(told.filter((it) => !it.startsWith("up"))).toEqual([]);

      // They were written once: nobody had to put one back.
      await eventually(
        () => performance.now() - droppedAt > 1.1 * ttlSeconds * 1_000,
        noticedMs,
        20,
      );
      await raw.delete("/services/kept/late");
      expect(await raw.list("/services/kept/")).toEqual(before);
      expect(states).toEqual(registrations.map(() => []));
      expect(connections()).toBeLessThan(made + 10 * discoveries.length);
      await Promise.all(discoveries.map((discovery) => discovery.close()));
      expect(await raw.list("/services/")).toEqual(new Map());
      expect(await raw.leases()).toEqual([]);
    },
  );
});
