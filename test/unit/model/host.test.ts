import assert from "node:assert";
import { format, inspect } from "node:util";
import { serialize } from "node:v8";
import { describe, expect, test } from "vitest";
import { Host, hostRecord } from "../../../src/model/host.ts";
import { infoOf } from "../../../src/model/record.ts";
import { Service } from "../../../src/model/service.ts";
import { noStrings } from "../../../src/model/strings.ts";
import { record } from "./records.ts";

const failing = (check: () => void): string => {
  try {
    check();
  } catch (error) {
    return inspect(error, { depth: 9 }) + (error as Error).message;
  }
  throw new Error("expected a failure");
};

/** All that commonly happens to an object on its way into a log, a report or another process. */
function outputs(value: Host | Service): string[] {
  const inherited: unknown[] = [];
  for (const name in value) inherited.push(value[name as keyof typeof value]);
  return [
    String(value),
    JSON.stringify(value),
    JSON.stringify({ deep: [value] }),
    JSON.stringify({ ...(value as object) }),
    JSON.stringify(Object.assign({}, value)),
    JSON.stringify(structuredClone(value)),
    JSON.stringify(Object.entries(value)),
    JSON.stringify(inherited),
    JSON.stringify(Reflect.ownKeys(value).map((key) => Reflect.get(value, key) as unknown)),
    JSON.stringify(Object.getOwnPropertyDescriptors(value)),
    serialize(value).toString("latin1"),
    inspect(value),
    inspect({ deep: { deeper: { deepest: value } } }, { depth: 9 }),
    inspect(value, { showHidden: true, getters: true, depth: null }),
    inspect(value, { showHidden: true, customInspect: false }),
    inspect(value, { getters: true, customInspect: false }),
    inspect(new Proxy(value, {}), { showProxy: true }),
    format("%s %o %O %j", value, value, value, value),
    failing(() => expect(value).toEqual({ hostname: "other" })),
    failing(() => expect([value]).toStrictEqual([])),
    failing(() => assert.deepStrictEqual(value, {})),
    failing(() => value.url("gopher")),
  ];
}

describe.each([
  ["a host", new Host(record())],
  ["a service", new Service(infoOf(record()))],
])("the password of %s", (_, value) => {
  test("is there for those who ask for it", () => {
    expect(value.password).toBe("s3cret");
    expect(value.url("http")).toContain(":s3cret@");
  });

  test("is in no output", () => {
    for (const output of outputs(value)) expect(output).not.toContain("s3cret");
  });

  test("is in no output once urls were made either", () => {
    value.url("http", "/a");
    if (value instanceof Host) value.privateUrl("https");
    for (const output of outputs(value)) expect(output).not.toContain("s3cret");
  });
});

describe("a host", () => {
  test("has all but the password as own properties", () => {
    expect(Object.fromEntries(Object.entries(new Host(record())))).toEqual({
      uuid: "7603414e-0bc2-434a-8121-fee219dbd339-node-1.internal.dev",
      serviceName: "my-service",
      hostname: "public-domain.dev",
      ports: { http: "80", https: "443" },
      user: "user",
      public: true,
      privateHostname: "node-1.internal.dev",
      privatePorts: { http: "8080", https: "8443" },
      critical: true,
      shard: "shard-0",
      weight: 5,
      metadata: { version: "1.4.2" },
      draining: false,
    });
  });

  test("weighs 1 and says nothing more unless it does", () => {
    const host = new Host(record({ weight: undefined, metadata: undefined }));
    expect(host.weight).toBe(1);
    expect({ ...host.metadata }).toEqual({});
  });

  test("is called by its public hostname, else by the private one", () => {
    expect(String(new Host(record()))).toBe("public-domain.dev");
    expect(String(new Host(record({ hostname: "" })))).toBe("node-1.internal.dev");
  });

  test("is shown in full but for the password", () => {
    expect(inspect(new Host(record()))).toMatch(/^Host \{\s+uuid: '7603.*ports: \{ http: '80'/s);
    expect(inspect({ a: { b: { c: new Host(record()) } } })).toContain("[Host]");
  });

  test("has maps that nobody can change and that inherit nothing", () => {
    const { ports, metadata } = new Host(record());
    expect(Object.isFrozen(ports) && Object.isFrozen(metadata)).toBe(true);
    expect(ports["constructor"]).toBeUndefined();
  });

  test("gives its record to the package", () => {
    const original = record();
    expect(hostRecord(new Host(original))).toStrictEqual(original);
  });
});

describe("a service", () => {
  test("has all but the password as own properties", () => {
    expect(Object.fromEntries(Object.entries(new Service(infoOf(record()))))).toEqual({
      name: "my-service",
      critical: true,
      hostname: "public-domain.dev",
      user: "user",
      ports: { http: "80", https: "443" },
      public: true,
    });
    expect(String(new Service(infoOf(record())))).toBe("my-service");
  });

  test("that is private has no url", () => {
    const service = new Service(infoOf(record({ public: false })));
    expect(service.password).toBe("");
    expect(() => service.url("http")).toThrow(expect.objectContaining({ code: "UNKNOWN_SCHEME" }));
  });

  test("says which port it has not", () => {
    const service = new Service({ ...infoOf(record()), ports: noStrings });
    expect(() => service.url()).toThrow('service "my-service" has no port "http" or "https"');
  });
});
