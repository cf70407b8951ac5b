import { describe, expect, test } from "vitest";
import { certificates } from "../../../src/doctor/checks/certificates.ts";
import { clock, clockAheadMs } from "../../../src/doctor/checks/clock.ts";
import { latency } from "../../../src/doctor/checks/latency.ts";
import { reaching } from "../../../src/doctor/checks/reaching.ts";
import { quotaIn } from "../../../src/doctor/gather/http-answers.ts";
import { reachRemedy } from "../../../src/doctor/reach-remedy.ts";
import { GrpcError, GrpcStatus } from "../../../src/store/etcd3/grpc-error.ts";
import {
  endpointFacts,
  httpFacts,
  lines,
  memberFacts,
  now,
  reachFacts,
  silent,
  told,
} from "./facts.ts";

const where = "https://etcd.example.org:2379";
const dayMs = 24 * 60 * 60 * 1_000;

describe("an endpoint", () => {
  test.each([
    [{}, `ok ${where}: answers, etcd 3.5.13`],
    [{ http: silent("no way") }, /^warning .*by gRPC, but not by HTTP.*no way/],
    [{ member: silent("no way") }, /^problem .*etcd answers by HTTP, but not by gRPC: no way/],
    [{ http: silent(), member: silent("no way") }, /^problem .*does not answer: no way/],
    [
      { http: told(httpFacts({ version: undefined })), member: silent() },
      /^problem .*something else than etcd answers/,
    ],
  ])("by API 3: %o", (more, expected) => {
    const [line] = lines(reaching.look(reachFacts({ endpoints: [endpointFacts(more)] })));
    expect(line).toMatch(expected);
  });

  test.each([
    [{ member: silent() }, `ok ${where}: answers, etcd 3.5.13`],
    [{ http: silent("no way") }, /^problem .*does not answer: no way/],
    [{ http: told(httpFacts({ version: undefined })) }, /^problem .*is no etcd/],
  ])("by API 2: %o", (more, expected) => {
    const facts = reachFacts({ api: 2, endpoints: [endpointFacts(more)] });
    expect(lines(reaching.look(facts))[0]).toMatch(expected);
  });

  test.each([
    ["ECONNREFUSED", /Is etcd running/],
    ["ENOTFOUND", /DNS/],
    ["EHOSTUNREACH", /firewall/],
    ["CERT_HAS_EXPIRED", /Renew/],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", /--cacert/],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", /--cacert/],
    ["ERR_TLS_CERT_ALTNAME_INVALID", /--servername/],
    ["EPROTO", /http:\/\//],
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", /--cert/],
    ["SOMETHING_ELSE", /If not, write http:/],
    ["ECONNRESET", /If not, write http:/],
  ])("what to do about %s", (code, expected) => {
    const cause = Object.assign(new Error("why"), { code });
    const both = new AggregateError([new Error("of no use"), cause]);
    for (const each of [cause, both]) {
      const error = new GrpcError(GrpcStatus.UNAVAILABLE, "why", { cause: each });
      expect(reachRemedy(where, error)).toMatch(expected);
    }
  });

  test("what to do about silence", () => {
    expect(reachRemedy(where, new GrpcError(GrpcStatus.DEADLINE_EXCEEDED, "late"))).toMatch(/hang/);
    expect(reachRemedy(where, new Error("late"))).toMatch(/hang/);
  });
});

describe("certificates", () => {
  const look = (days: number, distrust?: string): string | undefined => {
    const certificate = told({ subject: "localhost", validTo: now + days * dayMs, distrust });
    return lines(certificates.look(reachFacts({ endpoints: [endpointFacts({ certificate })] })))[0];
  };

  test.each([
    [-1, /^problem .*ran out at 2025-12-31 00:00 UTC/],
    [0, /^problem .*ran out/],
    [1, /^problem .*in 1 day/],
    [6.9, /^problem .*in 6 days/],
    [7, /^warning .*in 7 days/],
    [29.9, /^warning .*in 29 days/],
    [30, /^ok .*in 30 days, at 2026-01-31 00:00 UTC/],
  ])("that last %d days", (days, expected) => {
    expect(look(days)).toMatch(expected);
  });

  test("that are not trusted, or are ours", () => {
    expect(look(90, "SELF_SIGNED_CERT_IN_CHAIN")).toMatch(/^problem .*not trusted: SELF_SIGNED/);
    const ours = told({ subject: "us", validTo: now + dayMs, distrust: undefined });
    expect(lines(certificates.look(reachFacts({ endpoints: [], ourCertificate: ours })))).toEqual([
      expect.stringMatching(/^problem our certificate: .*"us" runs out in 1 day/),
    ]);
  });

  test.each([
    ["http://etcd.example.org:2379", false, /^ok .*reads along/],
    ["http://etcd.example.org:2379", true, /^warning .*password for etcd goes/],
    ["http://127.0.0.1:2379", true, /^ok .*loopback/],
    ["http://[::1]:2379", true, /^ok .*loopback/],
    ["http://localhost:2379", true, /^ok .*loopback/],
  ])("none at %s, with a password: %s", (address, hasPassword, expected) => {
    const facts = reachFacts({ endpoints: [endpointFacts({ address })], hasPassword });
    expect(lines(certificates.look(facts))[0]).toMatch(expected);
  });
});

describe("latency", () => {
  test.each([
    [[1, 1, 1, 900, 900], /^ok .*: 1\.0 ms/],
    [[101, 101, 101, 101, 101], /^warning .*101\.0 ms/],
    [[600, 1, 600, 600, 1], /^problem .*600\.0 ms.* 1000 ms in all/],
  ])("of %o ms", (latenciesMs, expected) => {
    const member = told(memberFacts({ latenciesMs }));
    const facts = reachFacts({ timeoutMs: 1_000, endpoints: [endpointFacts({ member })] });
    expect(lines(latency.look(facts))[0]).toMatch(expected);
  });
});

describe("the clock", () => {
  test.each([
    // Told in whole seconds: 900 ms later the same second may still be told.
    [0, 900, 0],
    [0, 1_500, -500],
    [2_000, 1_000, 1_000],
    [0, 61_000, -60_000],
  ])("that tells %d when ours has %d is certainly off by %d", (theirs, ours, expected) => {
    const facts = { date: now + theirs, askedAt: now + ours, answeredAt: now + ours };
    expect(clockAheadMs(facts)).toBe(expected);
  });

  test("is no further off than the answer took", () => {
    expect(clockAheadMs({ date: now, askedAt: now - 5_000, answeredAt: now + 5_000 })).toBe(0);
  });

  test.each([
    [3_000, /^ok/],
    [3_500, /^warning .*behind ours by at least 2\.5 s/],
    [-2_500, /^warning .*ahead of ours by at least 2\.5 s/],
  ])("ours being %d later", (laterMs, expected) => {
    const http = told(httpFacts({ askedAt: now + laterMs, answeredAt: now + laterMs }));
    expect(lines(clock.look(reachFacts({ endpoints: [endpointFacts({ http })] })))[0]).toMatch(
      expected,
    );
  });

  test("that is not told is not checked", () => {
    const http = told(httpFacts({ date: undefined }));
    const facts = reachFacts({
      endpoints: [endpointFacts({ http }), endpointFacts({ http: silent() })],
    });
    expect(lines(clock.look(facts))).toEqual([
      `warning ${where}: not checked: it tells no time`,
      `warning ${where}: not checked: it does not answer by HTTP`,
    ]);
  });
});

test("the quota is read from etcd's metrics", () => {
  expect(
    quotaIn(
      "# TYPE etcd_server_quota_backend_bytes gauge\netcd_server_quota_backend_bytes 2.147483648e+09\n",
    ),
  ).toBe(2 ** 31);
  expect(quotaIn("etcd_server_quota_backend_bytes 0\n")).toBeUndefined();
  expect(quotaIn("<html>")).toBeUndefined();
});
