import { describe, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd, startProxy } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { measured } from "../support/measured.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";
import { statesOf } from "../support/registrations.ts";
import { witness } from "../support/witness.ts";

/** A dead connection must be noticed within this time. */
const noticedMs = 10_000;

const ttlSeconds = 5;

describe.concurrent("connections to etcd's v2 API that fall silent", { timeout: 60_000 }, () => {
  test.each([1, 2])(
    "cost no registration its key, and no follower a change, with %i endpoints",
    async (size) => {
      await using etcd = await startEtcd({ args: ["--enable-v2"] });
      const raw = new RawEtcdV2(etcd.endpoint);
      await using first = await startProxy(etcd.endpoint);
      await using second = await startProxy(etcd.endpoint);
      const endpoints = [first, second].slice(0, size).map(({ endpoint }) => endpoint);
      const discoveries = Array.from(
        { length: 4 },
        () => new Discovery({ api: 2, endpoints, ttlSeconds }),
      );
      const registrations = discoveries.map((discovery) =>
        discovery.register("kept", { hostname: "node-1.internal.dev", ports: { http: 80 } }),
      );
      await Promise.all(registrations.map((each) => each.waitRegistration()));
      const followers = discoveries.map((discovery) => witness(discovery, "kept"));
      await Promise.all(followers.map((follower) => follower.agrees(raw)));
      const states = registrations.map(statesOf);
      const created = async () =>
        [...(await raw.list("/services/kept"))].map(([key, node]) => [key, node.createdIndex]);
      const before = await created();
      expect(before.length).toBe(4);

      first.drop();
      second.drop();
      const droppedAt = performance.now();
      await raw.put("/services/kept/late", '{"name":"late","ports":{"http":"1"}}');
      await eventually(() => followers.every(({ known }) => known.has("late")), noticedMs, 5);
      measured(`v2 connections dropped, ${size}: all told`, performance.now() - droppedAt);
      await Promise.all(followers.map((follower) => follower.agrees(raw)));
      for (const { told } of followers) {
        expect(told.filter((it) => !it.startsWith("up"))).toEqual([]);
      }

      // They were written once: nobody had to put one back.
      const past = () => performance.now() - droppedAt > 1.1 * ttlSeconds * 1_000;
      await eventually(past, noticedMs, 20);
      await raw.delete("/services/kept/late");
      expect(await created()).toEqual(before);
      expect(states).toEqual(registrations.map(() => []));
      await Promise.all(discoveries.map((discovery) => discovery.close()));
      expect(await raw.list("/services")).toEqual(new Map());
    },
  );
});
