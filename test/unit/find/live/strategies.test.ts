import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { consistentHash } from "../../../../src/find/live/consistent-hash.ts";
import { leastBusy } from "../../../../src/find/live/least-busy.ts";
import { random } from "../../../../src/find/live/random.ts";
import { roundRobin } from "../../../../src/find/live/round-robin.ts";
import type { Candidate, Picker, Strategy } from "../../../../src/find/live/strategy.ts";
import { turnsOf, weighted } from "../../../../src/find/live/weighted.ts";
import { Host } from "../../../../src/model/host.ts";
import { hostRecord } from "../stage.ts";
import { numbers } from "./live-stage.ts";

interface Being {
  readonly id: string;
  readonly weight?: number;
  readonly inFlight?: number;
}

function candidate({ id, weight, inFlight = 0 }: Being): Candidate {
  return { host: new Host(hostRecord(id, { weight })), inFlight };
}

const candidates = (count: number, weight?: number): Candidate[] =>
  Array.from({ length: count }, (_, index) =>
    candidate({ id: `host-${index}`, ...(weight === undefined ? {} : { weight }) }),
  );

function pickerOf(strategy: Strategy, among: readonly Candidate[], seed = 1): Picker {
  const picker = strategy.picker(numbers(seed));
  picker.update(among);
  return picker;
}

/** How often each is picked. */
function counts(
  picker: Picker,
  among: readonly Candidate[],
  picks: number,
  key: (pick: number) => string | undefined = () => undefined,
): number[] {
  const result = among.map(() => 0);
  for (let pick = 0; pick < picks; pick += 1) {
    const index = picker.pick(key(pick), undefined);
    result[index] = (result[index] ?? 0) + 1;
  }
  return result;
}

/** Five standard deviations of a binomial distribution: a fair picker is beyond it once in a million. */
function expectShares(found: readonly number[], shares: readonly number[]): void {
  const picks = found.reduce((sum, count) => sum + count, 0);
  for (const [index, share] of shares.entries()) {
    const bound = 5 * Math.sqrt(picks * share * (1 - share));
    expect(Math.abs((found[index] ?? 0) - picks * share)).toBeLessThanOrEqual(bound);
  }
}

const all: [string, () => Strategy][] = [
  ["random", random],
  ["roundRobin", roundRobin],
  ["weighted", weighted],
  ["leastBusy", leastBusy],
  ["consistentHash", consistentHash],
];

describe.each(all)("%s", (_, strategy) => {
  it("picks the only one there is", () => {
    const picker = pickerOf(strategy(), candidates(1));
    expect(picker.pick(undefined, undefined)).toBe(0);
    expect(picker.pick("key", undefined)).toBe(0);
  });

  it("does the same again with the same numbers", () => {
    const among = candidates(20, 1.5);
    const run = () => {
      const picker = pickerOf(strategy(), among, 7);
      return Array.from({ length: 200 }, () => picker.pick(undefined, undefined));
    };
    expect(run()).toEqual(run());
  });

  it("picks every host, and never one that is excluded, until all are", () => {
    const among = candidates(5);
    const excluded = new Set<string>();
    const picker = pickerOf(strategy(), among);
    for (const { host } of among) {
      const picked = new Set<number>();
      for (let pick = 0; pick < 300; pick += 1) {
        picked.add(picker.pick(undefined, excluded.size === 0 ? undefined : excluded));
      }
      expect(picked.size).toBe(among.length - excluded.size);
      for (const index of picked) {
        expect(excluded.has(among[index]?.host.uuid ?? "")).toBe(false);
      }
      excluded.add(host.uuid);
    }
    expect(picker.pick(undefined, excluded)).toBe(-1);
    expect(picker.pick("key", excluded)).toBe(-1);
  });

  it("picks from those that there are now, whatever there was before", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(fc.nat(30), { minLength: 1, maxLength: 10 }), { maxLength: 5 }),
        fc.integer(),
        (sets, seed) => {
          const picker = strategy().picker(numbers(seed));
          for (const set of sets) {
            const among = set.map((id) => candidate({ id: String(id), weight: 1 + (id % 3) }));
            picker.update(among);
            const picks = Array.from({ length: 20 }, (_, pick) =>
              picker.pick(pick % 2 === 0 ? String(pick) : undefined, undefined),
            );
            expect(picks.filter((index) => among[index] === undefined)).toEqual([]);
          }
        },
      ),
    );
  });

  it("serves several pools, each by itself", () => {
    const shared = strategy();
    const one = pickerOf(shared, candidates(1));
    const other = pickerOf(shared, candidates(9));
    expect(counts(other, candidates(9), 900).every((count) => count > 0)).toBe(true);
    expect(one.pick("key", undefined)).toBe(0);
  });
});

describe("random", () => {
  it("picks each host as often as every other", () => {
    const among = candidates(10);
    expectShares(
      counts(pickerOf(random(), among), among, 20_000),
      among.map(() => 0.1),
    );
  });
});

describe("roundRobin", () => {
  it("goes round, and begins somewhere", () => {
    const among = candidates(4);
    const starts = new Set<number>();
    for (let seed = 0; seed < 50; seed += 1) {
      const picker = pickerOf(roundRobin(), among, seed);
      const order = Array.from({ length: 8 }, () => picker.pick(undefined, undefined));
      const [first = -1] = order;
      starts.add(first);
      expect(order).toEqual(Array.from({ length: 8 }, (_, index) => (first + index) % 4));
    }
    expect(starts.size).toBe(4);
  });

  it("goes on where it was when hosts before it go", () => {
    const among = candidates(4);
    const picker = pickerOf(roundRobin(), among);
    while (picker.pick(undefined, undefined) !== 1);
    picker.update(among.slice(1));
    expect(picker.pick(undefined, undefined)).toBe(1);
    expect(picker.pick(undefined, undefined)).toBe(2);
  });
});

describe("leastBusy", () => {
  it("takes the less busy one of two different hosts at random", () => {
    const among = Array.from({ length: 6 }, (_, inFlight) =>
      candidate({ id: `host-${inFlight}`, inFlight }),
    );
    // The one of rank r wins against those that are busier: 5 - r of 15 pairs.
    const shares = among.map((_, rank) => (5 - rank) / 15);
    const found = counts(pickerOf(leastBusy(), among), among, 30_000);
    expectShares(found, shares);
    expect(found[5]).toBe(0);
  });

  it("counts what is under way for the weight of each", () => {
    const among = [
      candidate({ id: "strong", weight: 4, inFlight: 3 }),
      candidate({ id: "weak", weight: 1, inFlight: 1 }),
    ];
    expect(counts(pickerOf(leastBusy(), among), among, 100)).toEqual([100, 0]);
  });

  it("is random among hosts that do nothing", () => {
    const among = candidates(8);
    expectShares(
      counts(pickerOf(leastBusy(), among), among, 20_000),
      among.map(() => 1 / 8),
    );
  });
});

describe("weighted", () => {
  it("spreads the turns of a host among those of the others", () => {
    const turns = Array.from(turnsOf([5, 1, 1]), (index) => "abc"[index]);
    expect(turns.join("")).toBe("abaaaca");
    const one = turnsOf([20, ...Array.from({ length: 20 }, () => 1)]);
    expect(Array.from(one, (index) => Math.min(index, 1)).join("")).not.toMatch(/000|111/);
  });

  it("gives each host exactly its share of a round, and at no time much more or less", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(weights, fc.constantFrom(1, 0.1, 0.25, 1e6), (whole, unit) => {
        const turns = turnsOf(whole.map((weight) => weight * unit));
        const total = whole.reduce((sum, weight) => sum + weight, 0);
        const found = whole.map(() => 0);
        let furthest = 0;
        for (const [turn, index] of turns.entries()) {
          found[index] = (found[index] ?? 0) + 1;
          for (const [each, weight] of whole.entries()) {
            const share = ((turn + 1) * weight) / total;
            furthest = Math.max(furthest, Math.abs((found[each] ?? 0) - share));
          }
        }
        expect(furthest).toBeLessThan(2.5);
        expect(found.map((count) => count * total)).toEqual(
          whole.map((weight) => weight * turns.length),
        );
      }),
    );
  });

  it.each<[string, number[]]>([
    ["of any size", [Math.PI, Math.E, Math.SQRT2, 0.123456789]],
    ["as large as numbers are", [Number.MAX_VALUE, Number.MAX_VALUE / 3]],
    ["as small as numbers are", [Number.MIN_VALUE, Number.MIN_VALUE * 3]],
    ["far from each other", [1_000_000, 500_000, 1]],
  ])("comes as near as it can to weights %s", (_, weights) => {
    const turns = turnsOf(weights);
    const largest = Math.max(...weights);
    const sum = weights.reduce((total, weight) => total + weight / largest, 0);
    for (const [index, weight] of weights.entries()) {
      const found = turns.filter((turn) => turn === index).length / turns.length;
      expect(found).toBeGreaterThan(0);
      expect(Math.abs(found - weight / largest / sum)).toBeLessThan(1 / 10_000);
    }
  });

  it("begins anywhere, so that many updates do not favour the first hosts", () => {
    const among = [5, 1, 1].map((weight, index) => candidate({ id: String(index), weight }));
    const picker = weighted().picker(numbers(3));
    const found = [0, 0, 0];
    for (let update = 0; update < 7_000; update += 1) {
      picker.update(among);
      const index = picker.pick(undefined, undefined);
      found[index] = (found[index] ?? 0) + 1;
    }
    expectShares(found, [5 / 7, 1 / 7, 1 / 7]);
  });
});

describe("consistentHash", () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);

  it("gives the same key to the same host, in any order of hosts and in every process", () => {
    const among = candidates(20);
    const shuffled = [...among].reverse();
    const one = pickerOf(consistentHash(), among, 1);
    const other = pickerOf(consistentHash(), shuffled, 2);
    for (const key of keys.slice(0, 500)) {
      expect(among[one.pick(key, undefined)]).toBe(shuffled[other.pick(key, undefined)]);
    }
  });

  it("shares keys out fairly, and by weight", () => {
    const among = candidates(50);
    const found = counts(pickerOf(consistentHash(), among), among, keys.length, (at) => keys[at]);
    expect(Math.max(...found)).toBeLessThan(1.4 * (keys.length / 50));
    const unlike = [4, 1, 1, 1, 1].map((weight, id) => candidate({ id: `w-${id}`, weight }));
    const heavy = counts(pickerOf(consistentHash(), unlike), unlike, keys.length, (at) => keys[at]);
    expect((heavy[0] ?? 0) / keys.length).toBeGreaterThan(0.4);
    expect((heavy[0] ?? 0) / keys.length).toBeLessThan(0.6);
  });

  it("takes weights above 10 for 10, so that a ring does not grow beyond measure", () => {
    const among = [1e300, 10].map((weight, id) => candidate({ id: `w-${id}`, weight }));
    const found = counts(pickerOf(consistentHash(), among), among, keys.length, (at) => keys[at]);
    expect(Math.min(...found) / keys.length).toBeGreaterThan(0.4);
  });

  it("without a key is random", () => {
    const among = candidates(5);
    const picker = pickerOf(consistentHash(), among);
    expect(counts(picker, among, 1_000).every((count) => count > 100)).toBe(true);
  });

  it("moves a key only to a host that came, or from one that went or was excluded", () => {
    const hosts = fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(hosts, hosts, (before, after) => {
        const owners = (among: readonly Candidate[], picker: Picker, excluded?: Set<string>) =>
          keys.slice(0, 200).map((key) => among[picker.pick(key, excluded)]?.host.uuid ?? "");
        const of = (set: readonly number[]) => set.map((id) => candidate({ id: `host-${id}` }));
        const [first, second] = [of(before), of(after)];
        const picker = pickerOf(consistentHash({ points: 20 }), first);
        const from = owners(first, picker);
        const [some = ""] = from;
        const without = owners(first, picker, new Set([some]));
        picker.update(second);
        const to = owners(second, picker);
        const [had, has] = [first, second].map((set) => new Set(set.map(({ host }) => host.uuid)));
        const wrong = from.filter((owner, index) => {
          const moved = owner !== to[index];
          return moved && has?.has(owner) === true && had?.has(to[index] ?? "") === true;
        });
        expect(wrong).toEqual([]);
        expect(
          without.filter((owner, index) => from[index] !== some && owner !== from[index]),
        ).toEqual([]);
        // What came of the changes is what would have come of beginning with it.
        expect(to).toEqual(owners(second, pickerOf(consistentHash({ points: 20 }), second)));
      }),
    );
  });

  it("gives a key whose host is excluded to the one that gets it once that host is gone", () => {
    const among = candidates(20);
    const picker = pickerOf(consistentHash(), among);
    const some = keys.slice(0, 300);
    const owners = some.map((key) => among[picker.pick(key, undefined)]?.host.uuid ?? "");
    const substitutes = some.map(
      (key, index) => among[picker.pick(key, new Set([owners[index] ?? ""]))]?.host.uuid,
    );
    for (const gone of new Set(owners)) {
      const left = among.filter(({ host }) => host.uuid !== gone);
      picker.update(left);
      for (const [index, key] of some.entries()) {
        if (owners[index] !== gone) continue;
        expect(left[picker.pick(key, undefined)]?.host.uuid).toBe(substitutes[index]);
      }
    }
  });

  it.each([0, 1.5, 10_001, "160", NaN])("refuses %s points", (points) => {
    expect(() => consistentHash({ points: points as number })).toThrow(/^points: must be a whole/);
  });
});
