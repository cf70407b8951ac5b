import { describe, expect, test } from "vitest";
import { changedFields } from "../../../src/dashboard/changed-fields.ts";
import { hostKeyOf, wireHost, wireService } from "../../../src/dashboard/wire-host.ts";
import { hidden, withoutSecrets } from "../../../src/dashboard/without-secrets.ts";
import { hostOf, infoOf } from "./fake-catalogue.ts";

const signIn = { user: "the-user", password: "s3cret-word" };

describe("what goes to the page", () => {
  test("has everything but what signs in", () => {
    const host = hostOf("api", "one", {
      ...signIn,
      hostname: "public.dev",
      ports: { http: "80", https: "443" },
      public: true,
      critical: true,
      shard: "s-1",
      weight: 2,
      metadata: { version: "1.4" },
      draining: true,
    });
    expect(JSON.parse(JSON.stringify(wireHost(host, 5)))).toEqual({
      key: "api/one",
      service: "api",
      uuid: "one",
      hostname: "public.dev",
      ports: [
        ["http", "80"],
        ["https", "443"],
      ],
      privateHostname: "one.internal",
      privatePorts: [["http", "8080"]],
      public: true,
      critical: true,
      shard: "s-1",
      weight: 2,
      metadata: [["version", "1.4"]],
      draining: true,
      since: 5,
    });
    const service = wireService("api", infoOf("api", signIn), { stale: false, error: undefined });
    expect(JSON.parse(JSON.stringify(service))).toEqual({ name: "api" });
  });

  test.each([
    ["a name that says so", "db_password", "x"],
    ["a name that says so", "apiKey", "x"],
    ["a name that says so", "ACCESS_TOKEN", "x"],
    ["the password itself", "note", signIn.password],
    ["the password within", "note", `use ${signIn.password}!`],
    ["a user in a url", "url", "http://user:other@host/path"],
    ["a user in a url, with an @ in the password", "url", "http://user:oth@er@host/path"],
  ])("keeps back metadata with %s", (_, name, value) => {
    const shown = JSON.stringify(
      wireHost(hostOf("api", "one", { ...signIn, metadata: { [name]: value } }), 0),
    );
    expect(shown).toContain(hidden);
    expect(shown).not.toMatch(/"x"|s3cret-word|oth/);
  });

  test("leaves other metadata as it is", () => {
    expect(withoutSecrets("url", "http://host:80/a@b", "pw")).toBe("http://host:80/a@b");
    expect(withoutSecrets("zone", "passage", "pass")).toBe("passage");
    for (const name of ["Authorization", "db_password_main", "DB_PWD", "aws.access-key"]) {
      expect(withoutSecrets(name, "Basic dXNlcjpwdw==", "")).toBe(hidden);
    }
    expect(withoutSecrets("author", "a@b", "")).toBe("a@b");
  });

  test("is cut where a record is larger than any page needs", () => {
    const long = "x".repeat(100_000);
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`p${n}`, "1"]));
    const host = hostOf("api", long, {
      hostname: long,
      shard: long,
      ports: many,
      metadata: { ...many, [long]: long },
    });
    const other = hostOf("api", `${long}y`);
    expect(JSON.stringify(wireHost(host, 0)).length).toBeLessThan(10_000);
    expect(hostKeyOf(host)).not.toBe(hostKeyOf(other));
  });

  test.each([
    ["no port", { ports: {}, privatePorts: {} }, "it has no port"],
    [
      "a port that is none",
      { ports: { http: "eighty" } },
      'the port "http" is "eighty", which is no port',
    ],
    ["a hostname that is none", { hostname: "a b" }, 'the hostname is "a b", which is no hostname'],
    [
      "a private one that is none",
      { privateHostname: "a/b" },
      'the hostname is "a/b", which is no hostname',
    ],
    ["a name that is no scheme", { ports: { "1": "80" } }, undefined],
  ])("says what is wrong with a host with %s", (_, fields, problem) => {
    expect(wireHost(hostOf("api", "one", fields), 0).problem).toBe(problem);
  });

  test("remarks on an address that others cannot reach", () => {
    const host = hostOf("api", "one", { hostname: "127.0.0.1", privateHostname: "127.0.0.1" });
    expect(wireHost(host, 0).note).toMatch(/loopback/);
    expect(wireHost(hostOf("api", "one"), 0).note).toBeUndefined();
  });

  test("names what was changed, and not to what", () => {
    const before = hostOf("api", "one", signIn);
    const after = hostOf("api", "one", { ...signIn, password: "other", weight: 2, ports: {} });
    expect(changedFields(before, after)).toEqual(["weight", "ports", "credentials"]);
    expect(changedFields(before, before)).toEqual([]);
  });
});
