import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Host } from "../../../src/model/host.ts";
import { type HostOptions, prepareHost } from "../../../src/model/host-options.ts";
import { urlHostname } from "../../../src/model/hostname.ts";
import type { HostRecord } from "../../../src/model/record.ts";
import { frozenStrings, noStrings } from "../../../src/model/strings.ts";
import { record } from "./records.ts";

const host = (fields: Partial<HostRecord> = {}) => new Host(record(fields));
const ports = (map: Record<string, string>) => frozenStrings(Object.entries(map));
const fails = (code: string, message: RegExp | string = "") =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(message) as string,
  }) as Error;

describe("a url", () => {
  test("has credentials, hostname, port and path", () => {
    expect(host().url("http", "/health")).toBe("http://user:s3cret@public-domain.dev:80/health");
    expect(host().url("https", "/health")).toBe("https://user:s3cret@public-domain.dev:443/health");
    expect(host().privateUrl("http", "/health")).toBe(
      "http://user:s3cret@node-1.internal.dev:8080/health",
    );
  });

  test("is the same when it is asked for again", () => {
    const same = host();
    expect(same.url("http", "/a")).toBe(same.url("http", "/a"));
    expect(same.url("https", "/b")).toBe("https://user:s3cret@public-domain.dev:443/b");
    expect(same.url(undefined, "/c")).toBe("http://user:s3cret@public-domain.dev:80/c");
  });

  test.each([
    [{ http: "80", https: "443" }, "http://h:80"],
    [{ https: "443", tcp: "1" }, "https://h:443"],
  ])("without a scheme, of the ports %j, is %s", (map, url) => {
    const one = host({ hostname: "h", user: "", ports: ports(map) });
    expect(one.url()).toBe(url);
    expect(one.url("")).toBe(url);
  });

  test.each([
    ["user", "", "user@"],
    ["", "secret", ""],
    ["", "", ""],
    ["u:@/", "p@ss/w:rd #1?%é", "u%3A%40%2F:p%40ss%2Fw%3Ard%20%231%3F%25%C3%A9@"],
  ])("of user %j with password %j begins with %j", (user, password, userInfo) => {
    expect(host({ user, password, hostname: "h" }).url("http")).toBe(`http://${userInfo}h:80`);
  });

  test.each([
    [undefined, ""],
    ["", ""],
    ["/", "/"],
    ["health", "/health"],
    ["?a=b", "?a=b"],
    ["#a", "#a"],
    ["//evil.dev/x", "//evil.dev/x"],
    ["\\evil", "/\\evil"],
    ["@evil.dev", "/@evil.dev"],
    [":81/x", "/:81/x"],
    ["/a b\tc\r\n", "/a%20b%09c%0D%0A"],
    [" /a", "/%20/a"],
    ["/a\u00a0\u2028\u007f\u0085", "/a%C2%A0%E2%80%A8%7F%C2%85"],
    ["/é/%41", "/é/%41"],
    ["/\ud800", "/\ufffd"],
  ])("with the path %j ends with %j", (path, end) => {
    expect(host({ user: "", hostname: "h" }).url("http", path)).toBe(`http://h:80${end}`);
  });

  test.each([
    ["fd00::1", "[fd00::1]"],
    ["::ffff:10.0.0.1", "[::ffff:10.0.0.1]"],
    ["10.0.0.1", "10.0.0.1"],
    ["Example.DEV.", "Example.DEV."],
    ["under_score", "under_score"],
    ["bücher.example", "xn--bcher-kva.example"],
  ])("of the hostname %j has %j", (hostname, written) => {
    const one = host({ hostname, user: "" });
    expect(one.url("http")).toBe(`http://${written}:80`);
    expect(one.address("http")).toBe(`${written}:80`);
  });

  test("of a host without a private hostname is the public one", () => {
    const one = host({ privateHostname: "" });
    expect(one.privateUrl("https", "/x")).toBe(one.url("https", "/x"));
    expect(one.privatePort("https")).toBe(443);
    expect(one.privateAddress("https")).toBe("public-domain.dev:443");
  });

  test("is not there for a port that is not", () => {
    expect(() => host().url("grpc")).toThrow(
      fails(
        "UNKNOWN_SCHEME",
        /^host "7603.*" of service "my-service" has no port "grpc"; it has "http", "https"$/,
      ),
    );
    expect(() => host({ ports: ports({ tcp: "1" }) }).url()).toThrow(
      fails("UNKNOWN_SCHEME", /has no port "http" or "https"; it has "tcp"$/),
    );
    expect(() => host({ ports: noStrings }).port("constructor")).toThrow(
      fails("UNKNOWN_SCHEME", /it has none at all$/),
    );
  });

  test("is of the scheme asked for, whatever was asked for before", () => {
    const both = { http: "80", https: "443" };
    const one = host({ ports: ports(both), privatePorts: ports({ https: "8443", http: "8080" }) });
    const name = one.hostname;
    for (let turn = 0; turn < 3; turn += 1) {
      for (const [scheme, port, privatePort] of [
        ...[["https", 443, 8443] as const, ["http", 80, 8080] as const],
        ...[[undefined, 80, 8080] as const, ["", 80, 8080] as const],
      ]) {
        expect(one.url(scheme, "/x")).toMatch(new RegExp(`^${scheme || "http"}://.*:${port}/x$`));
        const url = new URL(one.privateUrl(scheme, "/x"));
        expect(url.port).toBe(String(privatePort));
        expect(url.hostname).toBe(one.privateHostname || name);
        expect(() => one.url("grpc")).toThrow(fails("UNKNOWN_SCHEME", /no port "grpc"/));
        expect(() => one.privateUrl("grpc")).toThrow(fails("UNKNOWN_SCHEME", /no port "grpc"/));
      }
    }
  });

  test.each(["", "0", "80443", "-1", "1.5", "8 0", "x", "80/evil", "１"])(
    "cannot be made from the port %j",
    (port) => {
      const one = host({ ports: ports({ http: port }) });
      for (const use of [() => one.url(), () => one.port(), () => one.address()]) {
        expect(use).toThrow(fails("MALFORMED_RECORD", /port "http" of host/));
      }
    },
  );

  test.each([
    ...["/", "@", "?", "#", "%", "\\", "[", "]", " ", "\n"],
    ...["", "a/b", "a@b", "[::1]", "host:80", "1.2.3.256", "fe80::1%eth0", "a<b", "\ud800"],
    // Since Node.js 24 it is the hostname of a URL.
    ...(URL.canParse("http://xn--") ? [] : ["xn--"]),
  ])("cannot be made from the hostname %j", (hostname) => {
    const one = host({ hostname });
    for (const use of [() => one.url(), () => one.address()]) {
      expect(use).toThrow(fails("MALFORMED_RECORD", /hostname of host/));
    }
    expect(one.port()).toBe(80);
  });

  test.each(["file", "1a", "a b", "a_b", "é"])("cannot be made for a port called %j", (name) => {
    const one = host({ ports: ports({ [name]: "80" }) });
    expect(() => one.url(name)).toThrow(fails("MALFORMED_RECORD", /port name/));
    expect(one.port(name)).toBe(80);
  });

  test("never names a hostname of a megabyte in its error", () => {
    const one = host({ hostname: " ".repeat(1 << 20) });
    expect(() => one.url()).toThrow(fails("MALFORMED_RECORD", /^.{1,300}$/));
  });

  test("refuses a scheme or a path that is no string", () => {
    const one = host() as unknown as Record<string, (...given: unknown[]) => string>;
    for (const name of ["url", "privateUrl"]) {
      expect(() => one[name]?.(5)).toThrow(fails("INVALID_ARGUMENT", /^scheme: /));
      expect(() => one[name]?.(null)).toThrow(fails("INVALID_ARGUMENT", /^scheme: /));
      expect(() => one[name]?.("http", {})).toThrow(fails("INVALID_ARGUMENT", /^path: /));
    }
  });
});

test("ports are numbers, addresses a hostname and a port", () => {
  const one = host({ hostname: "fd00::1", ports: ports({ http: "080", tcp: "5432" }) });
  expect(one.port()).toBe(80);
  expect(one.port("tcp")).toBe(5432);
  expect(one.address("tcp")).toBe("[fd00::1]:5432");
  expect(one.privatePort("https")).toBe(8443);
  expect(one.privateAddress("https")).toBe("node-1.internal.dev:8443");
});

const anyText = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({
    unit: fc.constantFrom(...Array.from("@:/?#%[]\\ \t\n;&=+'\"<>^`{|}~é\ud800")),
    maxLength: 12,
  }),
);
const hostnames = fc.oneof(
  fc.domain(),
  fc.ipV4Extended(),
  fc.ipV6(),
  fc.constantFrom(
    "bücher.example",
    "ＥＸＡＭＰＬＥ.dev",
    "faß.de",
    "日本.jp",
    "a_b",
    "xn--bcher-kva.de",
  ),
  anyText,
);
const schemes = fc.oneof(
  fc.constantFrom("http", "https", "ws", "wss", "ftp", "tcp", "postgres", "amqp", "HTTP"),
  fc.stringMatching(/^[A-Za-z][A-Za-z0-9+.-]{0,8}$/),
);

const accepted = fc
  .record({
    hostname: hostnames,
    user: anyText,
    password: anyText,
    ports: fc.dictionary(schemes, fc.integer({ min: 1, max: 65_535 }), { minKeys: 1, maxKeys: 2 }),
    public: fc.boolean(),
  })
  .map((options: HostOptions) => {
    try {
      return prepareHost("svc", options, { machineHostname: () => "machine-1" }).record;
    } catch {
      return undefined;
    }
  })
  .filter((prepared) => prepared !== undefined);

test("from whatever is accepted comes a url that says the same", () => {
  const defaults: Record<string, string> = {
    http: "80",
    https: "443",
    ws: "80",
    wss: "443",
    ftp: "21",
  };
  const normal = (written: string | undefined) => new URL(`http://${written}`).hostname;
  fc.assert(
    fc.property(accepted, fc.option(anyText, { nil: undefined }), (prepared, path) => {
      for (const [scheme, port] of Object.entries(prepared.ports)) {
        const url = new URL(new Host(prepared).url(scheme, path));
        expect(url.protocol).toBe(`${scheme.toLowerCase()}:`);
        expect(decodeURIComponent(url.username)).toBe(prepared.user);
        expect(decodeURIComponent(url.password)).toBe(prepared.user && prepared.password);
        expect(normal(url.hostname)).toBe(normal(urlHostname(prepared.hostname)));
        expect(url.port || defaults[url.protocol.slice(0, -1)]).toBe(port);
      }
    }),
    { numRuns: 500 },
  );
});
