import fc from "fast-check";
import { expect, it } from "vitest";
import { Member } from "../../../../src/find/live/member.ts";
import { subsetOf } from "../../../../src/find/live/subset.ts";
import { Host } from "../../../../src/model/host.ts";
import { hostRecord } from "../stage.ts";
import { ids, liveStage } from "./live-stage.ts";

const members = (numbers: readonly number[]) =>
  numbers.map((number) => new Member(new Host(hostRecord(`host-${number}`))));

const uuids = (chosen: readonly Member[]) => new Set(chosen.map(({ host }) => host.uuid));

it("has the size asked for, is the same for the same seed, and changes by one host when one comes or goes", () => {
  const sets = fc.uniqueArray(fc.nat(1_000), { minLength: 2, maxLength: 60 });
  fc.assert(
    fc.property(sets, fc.integer({ min: 1, max: 20 }), fc.string(), (set, size, seed) => {
      const all = uuids(subsetOf(members(set), size, seed));
      expect(all.size).toBe(Math.min(size, set.length));
      expect(uuids(subsetOf(members([...set].reverse()), size, seed))).toEqual(all);
      const fewer = uuids(subsetOf(members(set.slice(1)), size, seed));
      expect([...fewer].filter((uuid) => !all.has(uuid)).length).toBeLessThanOrEqual(1);
      expect([...all].filter((uuid) => !fewer.has(uuid)).length).toBeLessThanOrEqual(1);
    }),
  );
});

it("gives each host as many processes as every other, within five standard deviations", () => {
  const fleet = Array.from({ length: 100 }, (_, index) => index);
  const counts = new Map<string, number>();
  const processes = 2_000;
  for (let process = 0; process < processes; process += 1) {
    for (const uuid of uuids(subsetOf(members(fleet), 20, String(process)))) {
      counts.set(uuid, (counts.get(uuid) ?? 0) + 1);
    }
  }
  const bound = 5 * Math.sqrt(processes * 0.2 * 0.8);
  expect(counts.size).toBe(100);
  for (const count of counts.values()) {
    expect(Math.abs(count - processes * 0.2)).toBeLessThan(bound);
  }
});

it("is what a pool picks from; another host takes the place of one that fails", async () => {
  const stage = liveStage();
  await stage.put("a", "b", "c", "d", "e");
  const pool = await stage.ready({ subset: { size: 2, seed: "mine" } });
  const same = await stage.ready({ subset: { size: 2, seed: "mine" } });
  const any = await stage.ready({ subset: 4 });
  expect(pool.pickable).toHaveLength(2);
  expect(ids(same.pickable)).toEqual(ids(pool.pickable));
  expect(any.pickable).toHaveLength(4);
  expect(pool.hosts).toHaveLength(5);
  const [first, second] = pool.pickable;
  pool.begin({ exclude: second }).end("unreachable");
  expect(pool.pickable).toHaveLength(2);
  expect(pool.pickable).toContain(second);
  expect(pool.pickable).not.toContain(first);
  // A pick that may have neither finds one of the others.
  expect(pool.pickable).not.toContain(pool.pick({ exclude: pool.pickable }));
});
