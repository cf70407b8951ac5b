import { describe, expect, test } from "vitest";
import { filterHosts, type HostFilter } from "../../../src/dashboard/page/filter.ts";
import { Known } from "../../../src/dashboard/page/known.ts";
import { placeOf, searchOf } from "../../../src/dashboard/page/place.ts";
import { summarise } from "../../../src/dashboard/page/service-summary.ts";
import { visibleText } from "../../../src/dashboard/page/visible-text.ts";
import { rowRange } from "../../../src/dashboard/page/window-range.ts";
import {
  addressesOf,
  ageWords,
  banner,
  spanWords,
  timeWords,
} from "../../../src/dashboard/page/words.ts";
import type { WireHost, WireLogEntry, WireService } from "../../../src/dashboard/wire.ts";

function host(service: string, uuid: string, fields: Partial<WireHost> = {}): WireHost {
  const own = { hostname: uuid, ports: [["http", "80"]] as const };
  return { key: `${service}/${uuid}`, service, uuid, ...own, ...fields };
}

const all: HostFilter = { query: "", show: "all", service: "", shard: "" };

describe("services", () => {
  const order = (
    services: readonly WireService[],
    hosts: readonly WireHost[],
    log: readonly WireLogEntry[] = [],
  ): string[] => {
    const known = new Known();
    known.apply({ now: 0, services, hosts, log });
    return summarise(known, 1_000_000).map(
      ({ service, health }) => `${health.level} ${service.name}: ${health.words}`,
    );
  };

  test("come the worst first", () => {
    const down: WireLogEntry = {
      ...{ n: 1, at: 999_000, type: "down", reason: "expired" },
      ...{ key: "lossy/gone", service: "lossy", name: "gone" },
    };
    const names = ["well", "empty", "fatal", "broken", "half", "leaving", "lossy", "partly"];
    const services = names.map((name) => ({ name }));
    const problem = "the port is none";
    expect(
      order(
        [...services.filter(({ name }) => name !== "fatal"), { name: "fatal", critical: true }],
        [
          host("well", "a"),
          host("broken", "a", { problem }),
          host("half", "a", { problem }),
          host("half", "b"),
          host("leaving", "a", { draining: true }),
          host("lossy", "a"),
          host("partly", "a", { draining: true }),
          host("partly", "b"),
        ],
        [down],
      ),
    ).toEqual([
      "bad fatal: Critical, and no host",
      "bad broken: No host can be called",
      "warn half: 1 of 2 cannot be called",
      "warn leaving: All hosts are draining",
      "warn lossy: 1 lost in the last 10 min",
      "off empty: No host",
      "off partly: 1 draining",
      "good well: Up",
    ]);
  });

  test("are not blamed for a host that came back, left by itself, or was lost long ago", () => {
    const entry = { key: "api/a", service: "api", name: "a" } as const;
    const lost = { ...entry, type: "down", reason: "expired" } as const;
    const services = [{ name: "api" }];
    const others = [host("api", "b")];
    const said = (log: readonly WireLogEntry[], hosts: readonly WireHost[] = others) =>
      order(services, hosts, log);
    expect(said([{ ...lost, n: 1, at: 999_999 }])).toEqual(["warn api: 1 lost in the last 10 min"]);
    expect(said([{ ...lost, n: 1, at: 300_000 }])).toEqual(["good api: Up"]);
    expect(said([{ ...lost, n: 1, at: 999_999 }], [...others, host("api", "a")])).toEqual([
      "good api: Up",
    ]);
    expect(said([{ ...lost, reason: "unregistered", n: 1, at: 999_999 }])).toEqual([
      "good api: Up",
    ]);
  });

  test("are critical by a host, too", () => {
    const known = new Known();
    known.apply({
      now: 0,
      services: [{ name: "api" }],
      hosts: [host("api", "a", { critical: true })],
    });
    expect(summarise(known, 0)[0]?.critical).toBe(true);
  });
});

describe("hosts", () => {
  const hosts = [
    host("b", "2", { shard: "s-1", metadata: [["version", "1.4"]] }),
    host("b", "1", { draining: true }),
    host("a", "9", { problem: "no port", public: true }),
    host("a", "3", { privateHostname: "node-3.internal" }),
  ];
  const known = new Known();
  known.apply({ now: 0, hosts });
  const found = (filter: Partial<HostFilter>): string[] =>
    filterHosts(known.sortedHosts, { ...all, ...filter }).map(({ key }) => key);

  test("come the worst first, then by service and name", () => {
    expect(found({})).toEqual(["a/9", "b/1", "a/3", "b/2"]);
  });

  test.each<[Partial<HostFilter>, string[]]>([
    [{ query: "NODE-3" }, ["a/3"]],
    [{ query: "shard:s-1" }, ["b/2"]],
    [{ query: "version=1.4 service:b" }, ["b/2"]],
    [{ query: "state:draining" }, ["b/1"]],
    [{ query: "public" }, ["a/9"]],
    [{ query: "nothing" }, []],
    [{ show: "problems" }, ["a/9"]],
    [{ show: "draining" }, ["b/1"]],
    [{ service: "a" }, ["a/9", "a/3"]],
    [{ shard: "s-1" }, ["b/2"]],
  ])("are found by %j", (filter, keys) => {
    expect(found(filter)).toEqual(keys);
  });

  test("stay in their order, whatever comes, changes and goes", () => {
    const many = new Known();
    const uuids = Array.from({ length: 500 }, (_, index) => String((index * 7_919) % 500));
    let seed = 1;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let round = 0; round < 200; round += 1) {
      const changed = Array.from({ length: random(round % 50 === 0 ? 500 : 5) }, () => {
        const fields = random(3) === 0 ? { draining: true as const } : {};
        return host(`s-${random(3)}`, uuids[random(500)] ?? "", fields);
      });
      const goneHosts = Array.from({ length: random(5) }, () => `s-0/${random(500)}`);
      many.apply({ now: 0, hosts: changed, goneHosts });
      const afresh = new Known();
      afresh.apply({ now: 0, hosts: [...many.hosts.values(), ...many.hosts.values()] });
      const keys = (of: Known): string[] => of.sortedHosts.map(({ key }) => key);
      expect(keys(many)).toEqual(keys(afresh));
      expect(new Set(keys(many))).toEqual(new Set(many.hosts.keys()));
    }
  });

  test("have their addresses where they are reached", () => {
    const faces = { privateHostname: "10.0.0.1", privatePorts: [["http", "8080"]] } as const;
    expect(addressesOf(host("a", "pub.dev", { public: true, ...faces }))).toEqual({
      outside: "pub.dev:80",
      inside: "10.0.0.1:8080",
    });
    expect(addressesOf(host("a", "::1"))).toEqual({ outside: "", inside: "[::1]:80" });
    const two = [
      ["http", "80"],
      ["https", "443"],
    ] as const;
    expect(addressesOf(host("a", "x", { ports: two })).inside).toBe("x http:80 https:443");
  });

  test("are as old as is known", () => {
    expect(ageWords(host("a", "1", { since: 10_000 }), 0, 75_000)).toBe("1 min");
    expect(ageWords(host("a", "1"), 15_000, 75_000)).toBe("> 1 min");
  });
});

test("what is known takes each news once, the newest first", () => {
  const known = new Known();
  const entry = (n: number): WireLogEntry => ({
    ...{ n, at: n, type: "up", key: "a/1", service: "a", name: "1" },
  });
  const update = {
    now: 0,
    hosts: [host("a", "1")],
    services: [{ name: "a" }],
    log: [entry(1), entry(2)],
  };
  known.apply(update);
  known.apply(update);
  known.apply({ now: 0, log: [entry(2), entry(3)] });
  expect(known.log.map(({ n }) => n)).toEqual([3, 2, 1]);
  known.apply({ now: 0, goneHosts: ["a/1"], goneServices: ["a"] });
  expect([known.hosts.size, known.services.size]).toEqual([0, 0]);
});

describe("words", () => {
  test.each([
    [-5, "0 s"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [3_600_000, "1 h"],
    [47 * 3_600_000, "47 h"],
    [48 * 3_600_000, "2 d"],
  ])("say a span of %d ms", (ms, words) => {
    expect(spanWords(ms)).toBe(words);
  });

  test("say plainly what cannot be trusted", () => {
    const at = new Date(2026, 0, 2, 14, 2, 11).getTime();
    const link = (state: object, connected = true) =>
      banner({ connected, heardAt: at, state: { source: "live", ...state } }, at + 12_000);
    expect(link({})).toBeUndefined();
    expect(link({ source: "stale", since: at, error: "refused" })).toBe(
      "As of 14:02:11, etcd away 12 s: hosts may have come or gone since (refused).",
    );
    expect(link({ source: "none", since: at })).toBe(
      "etcd has not answered yet, for 12 s: nothing is known.",
    );
    expect(link({ source: "stale", since: at, error: "no role", denied: true })).toBe(
      "etcd refuses, for 12 s (no role): what is shown here is old, or nothing.",
    );
    expect(link({}, false)).toBe(
      "As of 14:02:11: the dashboard itself has not been heard of for 12 s. Trying again.",
    );
    expect(timeWords(at, at + 48 * 3_600_000)).toBe("2026-01-02 14:02:11");
  });

  test("show what would hide, or turn other text", () => {
    expect(visibleText("a\u202Eb\u0000c\u200Bd\u2066e\nf\u009F")).toBe(
      "a\\u{202e}b\\u{0}c\\u{200b}d\\u{2066}e\\u{a}f\\u{9f}",
    );
    expect(visibleText("Grüße 日本 <b>&amp;")).toBe("Grüße 日本 <b>&amp;");
  });
});

describe("the rows that exist", () => {
  test.each([
    [0, 36, 0, 900, { from: 0, to: 0 }],
    [10, 36, 0, 900, { from: 0, to: 10 }],
    [10_000, 36, 0, 900, { from: 0, to: 75 }],
    [10_000, 36, 36 * 5_000, 900, { from: 4_980, to: 5_055 }],
    [10_000, 36, 36 * 9_990, 900, { from: 9_925, to: 10_000 }],
    [100, 36, 36 * 5_000, 900, { from: 25, to: 100 }],
  ])("of %d, %d high, %d px above, %d px seen", (count, height, above, seen, range) => {
    expect(rowRange(count, height, above, seen)).toEqual(range);
  });
});

describe("the address of a place", () => {
  test.each([
    "",
    "?view=hosts",
    "?service=api",
    "?view=log&service=api",
    "?service=a+b%26c&shard=s-1&q=x+y&show=problems&host=a%2F1",
  ])("%s says what it is", (search) => {
    expect(searchOf(placeOf(search))).toBe(search);
  });

  test("that makes no sense is the beginning", () => {
    expect(searchOf(placeOf("?view=nonsense&show=%ff&more=1"))).toBe("");
  });
});
