import { describe, expect, test } from "vitest";
import { duplicates } from "../../../src/doctor/checks/duplicates.ts";
import { keepAlive, lifetime } from "../../../src/doctor/checks/leases.ts";
import { localAddresses } from "../../../src/doctor/checks/local-addresses.ts";
import { malformed } from "../../../src/doctor/checks/records.ts";
import { doubtsAbout, replaced } from "../../../src/doctor/doubts.ts";
import type { LeaseLook } from "../../../src/doctor/facts.ts";
import { difference, skeleton } from "../../../src/doctor/names.ts";
import { type RawKey, recordsIn } from "../../../src/doctor/records.ts";
import { leaseFacts, lines, recordFacts, seenHost, silent, told } from "./facts.ts";

const look = (grantedSeconds: number, remainingSeconds: number): LeaseLook => ({
  grantedSeconds,
  remainingSeconds,
});
const looks = (...of: LeaseLook[]) => new Map(of.map((each, index) => [BigInt(index + 1), each]));

describe("keys are sorted into records and strangers", () => {
  const life = { by: "nothing" } as const;
  const raw = (key: string | undefined): RawKey => ({ key, value: Buffer.from("{}"), life });

  test.each([
    ["/p/services/a/b", "host a b"],
    ["/p/services_infos/a", "info a"],
    ["/p/services/a/b/c", /as if a service were called "a\/b"/],
    ["/p/services/a/b/c/d", /as if a service were called "a\/b\/c"/],
    ["/p/services/a", /ends where a host's id is due/],
    ["/p/services/a/", /ends where a host's id is due/],
    ["/p/services/", /no service's name/],
    ["/p/services//b", /no service's name/],
    ["/p/services/../b", /no service's name/],
    ["/p/services/a/..", /no host's id/],
    ["/p/services_infos/a/b", /lies deeper than the info/],
    ["/p/services_infos/", /no service's name/],
    [undefined, /no UTF-8/],
  ])("%s", (key, expected) => {
    const { hosts, infos, strangers } = recordsIn("/p", [raw(key)], false);
    const found = [
      ...hosts.map(({ id, service }) => `host ${service} ${id}`),
      ...infos.map(({ service }) => `info ${service}`),
      ...strangers.map(({ why }) => why),
    ];
    expect(found).toEqual([expect.stringMatching(expected)]);
  });
});

describe("a record that nobody can use", () => {
  test.each([
    [{}, []],
    [{ name: "", private_hostname: "" }, ["it has no hostname"]],
    [{ name: "a b" }, ["its hostname is none"]],
    [{ private_hostname: "a/b" }, ["its private hostname is none"]],
    [{ ports: {} }, ["it has no ports"]],
    [{ private_ports: {}, private_hostname: "other" }, ["it has no private ports"]],
    [{ ports: { http: "0" } }, ["one of its ports is no number from 1 to 65535"]],
    [{ ports: { http: 65_535 } }, []],
    [{ ports: { http: "65536" } }, ["one of its ports is no number from 1 to 65535"]],
    [{ public: true, name: "" }, ["it is public, and has no public hostname"]],
  ])("%o", (fields, expected) => {
    expect(seenHost("shop", "a", fields).faults).toEqual(expected);
  });

  test("what it calls itself is compared with its key, whatever the case of its fields", () => {
    const odd = seenHost("shop", "a", { uuid: undefined, UUID: "b", service_name: "till" });
    expect([...odd.oddities].sort()).toEqual([
      "its service_name is not that of its key",
      "its uuid is not that of its key",
    ]);
  });

  test("that not all were looked at is told", () => {
    expect(lines(malformed.look(recordFacts({ more: true })))).toEqual([
      expect.stringMatching(/^warning: not checked: there are more/),
    ]);
  });
});

describe("names", () => {
  test.each([
    ["shop", "Shop", "in case"],
    ["shop", "shop ", "in white space at the ends"],
    ["caf\u00e9", "cafe\u0301", "in how accents are encoded"],
    ["shop", "\uff53hop", "in characters that look alike or cannot be seen"],
    ["shop", "sho\u200bp", "in characters that look alike or cannot be seen"],
    ["api", "\u0430pi", "in characters that look alike or cannot be seen"],
    ["a-b", "a\u2013b", "in characters that look alike or cannot be seen"],
  ])("%s and %s are taken for one another", (one, other, how) => {
    expect(skeleton(one)).toBe(skeleton(other));
    expect(difference(one, other)).toBe(how);
  });

  test("others are not", () => {
    const names = ["shop", "shops", "shop-1", "shop_1", "sh0p", "shöp", "店", "магазин"];
    expect(new Set(names.map(skeleton)).size).toBe(names.length);
  });
});

describe("addresses", () => {
  const at = (hostname: string, more = {}) => ({
    private_hostname: hostname,
    private_ports: { http: "80" },
    ...more,
  });

  test("a public name may be that of many, the host's own may not", () => {
    const face = { public: true, name: "shop.example.org", ports: { http: "80" } };
    const apart = [
      seenHost("shop", "a", { ...face, ...at("x") }),
      seenHost("shop", "b", { ...face, ...at("y") }),
    ];
    expect(lines(duplicates.look(recordFacts({ hosts: apart })))).toEqual([
      "ok: each host has its own",
    ]);
    const same = [seenHost("shop", "a", at("X")), seenHost("shop", "b", at("x"))];
    expect(lines(duplicates.look(recordFacts({ hosts: same })))).toEqual([
      'problem x:80 of service "shop": it is that of 2 hosts: "a", "b"',
    ]);
  });

  test("one of them that is not kept alive any more makes it a matter of time", () => {
    const hosts = [1n, 2n].map((lease) =>
      seenHost("shop", `host-${lease}`, at("x"), { by: "lease", lease }),
    );
    const level = (first: LeaseLook[], second: LeaseLook[]) => {
      const leases = told(leaseFacts(looks(...first), looks(...second)));
      return duplicates.look(recordFacts({ hosts, leases }))[0]?.level;
    };
    expect(level([look(5, 3), look(5, 4)], [look(5, 1), look(5, 4)])).toBe("warning");
    expect(level([look(5, 3), look(5, 4)], [look(5, -1), look(5, 4)])).toBe("warning");
    expect(level([look(5, 3), look(5, 4)], [look(5, 4), look(5, 3)])).toBe("problem");
    expect(duplicates.look(recordFacts({ hosts, leases: undefined }))[0]?.level).toBe("problem");
  });

  test("a loopback address is a problem where etcd is on another machine", () => {
    const hosts = [seenHost("shop", "a", { name: "localhost", private_hostname: "10.0.0.1" })];
    const seen = 'host "a" of service "shop": it is at a loopback address';
    expect(lines(localAddresses.look(recordFacts({ hosts })))).toEqual([`problem ${seen}`]);
    expect(lines(localAddresses.look(recordFacts({ hosts, onlyLocal: true })))).toEqual([
      `warning ${seen}`,
    ]);
  });
});

describe("leases", () => {
  const hosts = [seenHost("shop", "a")];
  const sights = (first: LeaseLook, second?: LeaseLook) => {
    const leases = told(leaseFacts(looks(first), second === undefined ? new Map() : looks(second)));
    return lines(keepAlive.look(recordFacts({ hosts, leases })));
  };

  test("that are renewed are well, with the age of the one renewed longest ago", () => {
    expect(sights(look(5, 3))).toEqual([
      "ok: 1 lease, the one renewed longest ago 2 s ago, of 5 s",
    ]);
    expect(sights(look(60, 14), look(60, 59))[0]).toMatch(/^ok/);
  });

  test("that are low on two looks are a problem, and such as ran out meanwhile a warning", () => {
    expect(sights(look(60, 14), look(60, 12))).toEqual([
      'problem host "a": its lease of 60 s was not renewed for 48 s, on two looks',
    ]);
    expect(sights(look(5, 1), look(5, -1))).toEqual([
      'warning host "a": its lease ran out while we looked',
    ]);
  });

  test("that were not looked at are told", () => {
    expect(lines(keepAlive.look(recordFacts({ leases: silent() })))[0]).toMatch(/not checked/);
    const leases = told({ ...leaseFacts(new Map()), unseen: 7 });
    expect(lines(keepAlive.look(recordFacts({ leases })))[0]).toMatch(/not checked: 7 more/);
    expect(lines(keepAlive.look(recordFacts({ api: 2, leases: undefined })))[0]).toMatch(/^ok/);
  });

  test("of long ones and of none", () => {
    const level = (life: Parameters<typeof seenHost>[3], granted = 5) => {
      const leases = told(leaseFacts(looks(look(granted, granted))));
      return lifetime.look(recordFacts({ hosts: [seenHost("shop", "a", {}, life)], leases }))[0]
        ?.level;
    };
    expect(level({ by: "nothing" })).toBe("problem");
    expect(level({ by: "lease", lease: 1n }, 60)).toBe("ok");
    expect(level({ by: "lease", lease: 1n }, 61)).toBe("warning");
    expect(level({ by: "ttl", seconds: 61 })).toBe("warning");
  });
});

describe("what may have been seen in passing", () => {
  test("is looked at again: low leases, shared addresses, infos that do not fit", () => {
    const life = (lease: bigint) => ({ by: "lease", lease }) as const;
    const here = { private_hostname: "x", private_ports: { http: "80" } };
    const hosts = [
      seenHost("shop", "a", here, life(1n)),
      seenHost("shop", "b", here, life(2n)),
      seenHost("till", "c", {}, life(3n)),
      seenHost("well", "d", {}, life(4n)),
    ];
    const value = Buffer.from('{"name":"well","critical":false}');
    const { infos } = recordsIn(
      "",
      ["shop", "well"].map((name) => ({
        key: `/services_infos/${name}`,
        value,
        life: { by: "nothing" } as const,
      })),
      false,
    );
    const leases = told(leaseFacts(looks(look(5, 4), look(5, 4), look(5, 1), look(5, 4))));
    const facts = recordFacts({ hosts, infos, leases });
    expect(doubtsAbout(facts)).toEqual({ services: ["till", "shop"], leases: [3n, 1n, 2n] });
    const later = { hosts: [], infos: [], strangers: [], more: false };
    expect(replaced(facts, ["till"], later).hosts.map(({ id }) => id)).toEqual(["a", "b", "d"]);
  });
});
