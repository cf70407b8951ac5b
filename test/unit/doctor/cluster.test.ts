import { describe, expect, test } from "vitest";
import { apis } from "../../../src/doctor/checks/apis.ts";
import { leader, members } from "../../../src/doctor/checks/members.ts";
import { alarms, space } from "../../../src/doctor/checks/space.ts";
import { versions } from "../../../src/doctor/checks/versions.ts";
import type { MemberFacts } from "../../../src/doctor/facts.ts";
import {
  clusterFacts,
  endpointFacts,
  httpFacts,
  lines,
  memberFacts,
  silent,
  told,
} from "./facts.ts";

/** Endpoints `http://a`, `http://b`, … of members like these. */
function endpoints(...of: Partial<MemberFacts>[]) {
  return of.map((more, index) =>
    endpointFacts({
      address: `http://${String.fromCharCode(97 + index)}`,
      member: told(memberFacts(more)),
    }),
  );
}

const mute = [endpointFacts({ member: silent(), http: silent() })];

describe("versions", () => {
  test.each([
    ["3.4.30", 3, /^warning etcd 3\.4\.30: .*#15247/],
    ["3.4.30", 1, "ok: 3.4.30"],
    ["3.4.31", 3, "ok: 3.4.31"],
    ["3.5.12", 3, /^warning .*#15247/],
    ["3.6.1", 3, "ok: 3.6.1"],
    ["3.3.10", 3, /^warning .*older than/],
  ])("%s, of %d members", (version, count, expected) => {
    const facts = clusterFacts({ endpoints: endpoints({ version }), members: told(count) });
    expect(lines(versions.look(facts))[0]).toMatch(expected);
  });

  test("that differ, and those without API 2", () => {
    const differ = clusterFacts({
      endpoints: endpoints({ version: "3.6.0" }, { version: "3.5.13" }),
    });
    expect(lines(versions.look(differ))).toEqual([
      "warning: the members have different ones: 3.5.13, 3.6.0",
    ]);
    expect(lines(versions.look({ ...differ, api: 2 }))).toEqual([
      expect.stringMatching(/^warning: the members/),
      "problem etcd 3.6.0: it has no API 2 any more",
    ]);
    expect(lines(versions.look(clusterFacts({ endpoints: mute })))[0]).toMatch(/not checked/);
  });

  test("it may be that nobody knows how many members there are", () => {
    const facts = clusterFacts({ endpoints: endpoints({ version: "3.4.1" }), members: silent() });
    expect(lines(versions.look(facts))[0]).toMatch(/^warning .*#15247/);
  });
});

describe("members", () => {
  test("each of its own, the same twice, of two clusters", () => {
    const look = (...of: Partial<MemberFacts>[]) =>
      lines(members.look(clusterFacts({ endpoints: endpoints(...of) })));
    expect(look({ memberId: 1n }, { memberId: 2n })).toEqual([
      "ok: 2 of 3 in the cluster are reached",
    ]);
    expect(look({ memberId: 1n }, { memberId: 2n }, { memberId: 1n })).toEqual([
      "warning: the same one answers at http://a and http://c",
      "ok: 2 of 3 in the cluster are reached",
    ]);
    expect(look({ clusterId: 10n }, { clusterId: 11n })).toEqual([
      "problem: of 2 clusters: a at http://a; b at http://b",
    ]);
  });

  test("what is not known is not checked", () => {
    for (const check of [members, leader, alarms, space]) {
      expect(lines(check.look(clusterFacts({ endpoints: mute })))).toEqual([
        expect.stringMatching(/^warning: not checked/),
      ]);
    }
  });
});

test("a leader that is not there, or not agreed on, and a learner", () => {
  const look = (...of: Partial<MemberFacts>[]) =>
    lines(leader.look(clusterFacts({ endpoints: endpoints(...of) })));
  expect(look({ leader: 2n }, { leader: 2n })).toEqual(["ok: there is one, in term 3"]);
  expect(look({ leader: 2n }, { leader: 0n })).toEqual(["problem http://b: it knows of none"]);
  expect(look({ leader: 2n }, { leader: 3n })).toEqual([
    "warning: the members do not agree on one",
  ]);
  expect(look({ leader: 2n }, { learner: true })).toEqual([
    "warning http://b: it is a learner, with no vote",
  ]);
});

test("alarms are told once, and that there is no leader is none", () => {
  const look = (...of: Partial<MemberFacts>[]) =>
    alarms.look(clusterFacts({ endpoints: endpoints(...of) }));
  const line = "memberID:1 alarm:NOSPACE ";
  expect(look({ errors: [line] }, { errors: [line] })).toEqual([
    {
      level: "problem",
      seen: "memberID:1 alarm:NOSPACE",
      remedy: expect.stringMatching(/defrag/) as string,
    },
  ]);
  expect(look({ errors: ["memberID:1 alarm:CORRUPT"] })[0]?.remedy).toMatch(/add it anew/);
  expect(lines(look({ errors: ["etcdserver: no leader"] }))).toEqual(["ok: none"]);
});

test.each([
  [79, 100, /^ok .*its limit is 100\.0 MB/],
  [80, 100, /^warning/],
  [500, undefined, /^ok .*does not tell its limit/],
])("of a database of %d MB where %s are allowed", (size, quota, expected) => {
  const mega = 2 ** 20;
  const quotaBytes = quota && quota * mega;
  const endpoint = endpointFacts({
    http: told(httpFacts({ quotaBytes })),
    member: told(memberFacts({ sizeBytes: size * mega })),
  });
  expect(lines(space.look(clusterFacts({ endpoints: [endpoint] })))[0]).toMatch(expected);
});

describe("records under either API", () => {
  const version = "3.5.13";
  test.each([
    [3, told(4), told(undefined), ["ok: 4 records under API 3; API 2 is not served"]],
    [3, told(4), told(0), ["ok: 4 records under API 3, none under API 2"]],
    [3, told(0), told(0), ["ok: 0 records under API 3, none under API 2"]],
    [3, told(0), told(2), ["problem: 0 records under API 3, 2 under API 2"]],
    [3, told(4), told(2), ["warning: 4 records under API 3, 2 under API 2"]],
    [2, told(2), told(0), ["problem: 0 records under API 2, 2 under API 3"]],
    [2, told(0), told(2), ["ok: 2 records under API 2, none under API 3"]],
    [2, told(0), told(undefined), [expect.stringMatching(/^problem: .* 3\.5\.13 does not serve/)]],
    [3, silent(), told(1), ["warning: not checked: it is silent"]],
    [
      3,
      told(1),
      silent(),
      ["ok: 1 record under API 3", "warning API 2: not checked: it is silent"],
    ],
  ] as const)("by API %d", (api, v3, v2, expected) => {
    expect(lines(apis.look({ api, version, v2, v3 }))).toEqual(expected);
  });
});
