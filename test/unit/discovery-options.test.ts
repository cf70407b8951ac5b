import { afterEach, describe, expect, test, vi } from "vitest";

import { checkOptions, type DiscoveryOptions } from "../../src/discovery-options.ts";
import { makeCertificates } from "../support/certificates.ts";
import { Discovery } from "../../src/discovery.ts";
import type { Logger } from "../../src/logger.ts";
import { memoryStore } from "../../src/testing/index.ts";

afterEach(() => vi.unstubAllEnvs());

function connection(options?: DiscoveryOptions) {
  const { place } = checkOptions(options);
  if (!("connection" in place)) throw new Error("a store was given");
  return place.connection;
}

describe("what is refused, naming the option", () => {
  test.for<[string, unknown]>([
    ["options", 7],
    ["options", null],
    ["endpoints", { endpoints: [] }],
    ["endpoints", { endpoints: "http://a:1" }],
    ["endpoints", { endpoints: [7] }],
    ["endpoints", { endpoints: ["ftp://a:1"] }],
    ["endpoints", { endpoints: ["http://a:99999"] }],
    ["endpoints", { endpoints: ["http://a:1/path"] }],
    ["endpoints", { endpoints: ["http://user:secret@a:1"] }],
    ["tls", { endpoints: ["http://a:1"], tls: {} }],
    ["tls", { endpoints: ["a:1"], tls: {} }],
    ["tls", { endpoints: ["https://a:1"], tls: 7 }],
    ["tls.key", { endpoints: ["https://a:1"], tls: { cert: "x" } }],
    ["tls.cert", { endpoints: ["https://a:1"], tls: { key: "x" } }],
    ["tls.ca", { endpoints: ["https://a:1"], tls: { ca: "nonsense" } }],
    ["tls.ca", { endpoints: ["https://a:1"], tls: { ca: { file: "/does/not/exist" } } }],
    [
      "tls.ca",
      {
        endpoints: ["https://a:1"],
        tls: { ca: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----" },
      },
    ],
    ["tls.servername", { endpoints: ["https://a:1"], tls: { servername: 7 } }],
    ["auth.username", { auth: { password: "p" } }],
    ["auth.password", { auth: { username: "u", password: "" } }],
    ["auth", { auth: "u:p" }],
    ["prefix", { prefix: 7 }],
    ["ttlSeconds", { ttlSeconds: 1 }],
    ["ttlSeconds", { ttlSeconds: 2.5 }],
    ["ttlSeconds", { ttlSeconds: Number.NaN }],
    ["timeoutMs", { timeoutMs: 0 }],
    ["timeoutMs", { timeoutMs: Infinity }],
    ["timeoutMs", { timeoutMs: "5" }],
    ["logger.debug", { logger: {} }],
    ["api", { api: 1 }],
    ["api", { api: "2" }],
    ["api", { api: null }],
    ["endpoint", { endpoint: "http://a:1" }],
    ["ttl_seconds", { ttl_seconds: 5 }],
    ["serverName", { endpoints: ["https://a:1"], tls: { serverName: "a" } }],
    ["store", { store: {} }],
    ["endpoints", { store: memoryStore(), endpoints: ["a:1"] }],
    ["tls", { store: memoryStore(), tls: {} }],
    ["auth", { store: memoryStore(), auth: { username: "u", password: "p" } }],
    ["api", { store: memoryStore(), api: 2 }],
  ])("%s: %o", ([field, options]) => {
    let error: unknown;
    try {
      checkOptions(options as DiscoveryOptions);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", retryable: false });
    expect((error as Error).message).toMatch(new RegExp(`^${field.replace(".", "\\.")}:`));
    expect((error as Error).message).not.toContain("secret");
  });
});

test("what is not given comes from the environment; tls and auth only with its endpoints", () => {
  vi.stubEnv("ETCD_HOSTS", "a:1");
  vi.stubEnv("ETCD_USERNAME", "u");
  vi.stubEnv("ETCD_PASSWORD", "p");
  vi.stubEnv("ETCD_PREFIX", "/env");
  expect(connection()).toMatchObject({
    endpoints: ["http://a:1"],
    auth: { username: "u" },
    prefix: "/env",
  });
  expect(connection({ endpoints: undefined, prefix: "/hand" })).toMatchObject({
    endpoints: ["http://a:1"],
    prefix: "/hand",
  });
  expect(connection({ endpoints: ["b:2"] })).toMatchObject({
    endpoints: ["http://b:2"],
    auth: undefined,
    prefix: "/env",
  });
});

test("the API is 3, or what is said by hand, or by the environment, also beside endpoints", () => {
  expect(connection().api).toBe(3);
  expect(connection({ api: 2 }).api).toBe(2);
  vi.stubEnv("ETCD_API", "2");
  expect(connection().api).toBe(2);
  expect(connection({ endpoints: ["a:1"] }).api).toBe(2);
  expect(connection({ api: 3 }).api).toBe(3);
  expect(connection({ endpoints: ["a:1"], api: 3 }).api).toBe(3);
  vi.stubEnv("ETCD_API", "4");
  expect(() => connection({ endpoints: ["a:1"] })).toThrow(/^ETCD_API:/);
});

test("a password that would go over the network in the clear is warned of", () => {
  const warnings: string[] = [];
  const logger: Logger = {
    debug() {},
    info() {},
    warn: (message) => warnings.push(message),
    error() {},
  };
  const auth = { username: "u", password: "secret" };
  for (const endpoint of ["http://127.0.0.1:1", "http://[::1]:1", "localhost:1", "https://a:1"]) {
    connection({ endpoints: [endpoint], auth, logger });
  }
  expect(warnings).toEqual([]);
  connection({ endpoints: ["http://a:1"], auth, logger });
  expect(warnings).toHaveLength(1);
  expect(warnings.join()).not.toContain("secret");
});

test("an authority that Node would pass over is refused", async () => {
  const {
    ca: { cert: authority },
  } = await makeCertificates();
  for (const ca of [
    authority.slice(0, authority.length / 2),
    `${authority}${authority.slice(0, authority.length / 2)}`,
  ]) {
    expect(() => connection({ endpoints: ["https://a:1"], tls: { ca } })).toThrow(/^tls.ca:/);
  }
  connection({ endpoints: ["https://a:1"], tls: { ca: `${authority}\n${authority}` } });
});

test("wrong variables are refused by their own names", () => {
  vi.stubEnv("ETCD_HOSTS", "ftp://a:1");
  expect(() => connection()).toThrow(/^ETCD_HOSTS:/);
  vi.stubEnv("ETCD_HOSTS", "a:1");
  vi.stubEnv("ETCD_CACERT", "/does/not/exist");
  expect(() => connection()).toThrow(/^ETCD_CACERT:/);
});

test("signals that cannot be caught, or are none, are refused, and none is listened for", async () => {
  const discovery = new Discovery({ store: memoryStore() });
  for (const signal of ["NOPE", 5, null, "SIGKILL", "toString"]) {
    expect(() => discovery.closeOn("SIGTERM", signal as never)).toThrow(/^signals:/);
  }
  expect(() => discovery.closeOn()).toThrow(/^signals:/);
  expect(process.listenerCount("SIGTERM")).toBe(0);
  discovery.closeOn("SIGTERM");
  await discovery.close();
  expect(process.listenerCount("SIGTERM")).toBe(0);
});

test("a logger that throws changes nothing", () => {
  const fail = () => {
    throw new Error("disk full");
  };
  const logger = { debug: fail, info: fail, warn: fail, error: fail };
  expect(() => checkOptions({ logger }).logger.warn("x")).not.toThrow();
});

test("the constructor does no I/O, also with a dead etcd", async () => {
  const discovery = new Discovery({ endpoints: ["http://127.0.0.1:1"] });
  expect(discovery.closed).toBe(false);
  await discovery.close();
  expect(discovery.closed).toBe(true);
});
