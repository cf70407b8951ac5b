import { describe, expect, test } from "vitest";
import { isDiscoveryError } from "../../../src/errors.ts";
import {
  assertPrefix,
  assertServiceName,
  hostKey,
  hostsPrefix,
  infoKey,
  infosPrefix,
  isHostId,
  isServiceName,
  servicesPrefix,
} from "../../../src/model/keys.ts";
import { fixtures, idOf } from "./records.ts";

const refusedNames: unknown[] = [
  "",
  "a/b",
  "../evil",
  "/",
  ".",
  "..",
  "a\nb",
  "a\u0000b",
  "a\u007fb",
  "a\u0085b",
  "\ud800",
  "a".repeat(256),
  "é".repeat(128),
  undefined,
  null,
  5,
  {},
  ["a"],
  Symbol("a"),
];

describe("service names", () => {
  test.each([
    "a",
    "my-service",
    "My Service",
    "dienst.é",
    "日本",
    "__proto__",
    "...",
    "a".repeat(255),
  ])("%j is one", (name) => {
    expect(isServiceName(name)).toBe(true);
    expect(() => assertServiceName(name)).not.toThrow();
  });

  test.each(refusedNames.map((name) => [name]))("%o is none", (name) => {
    let refusal: unknown;
    try {
      assertServiceName(name);
    } catch (error) {
      refusal = error;
    }
    expect(isDiscoveryError(refusal, "INVALID_ARGUMENT")).toBe(true);
    expect(String(refusal)).toContain("service name");
    expect(String(refusal).length).toBeLessThan(300);
  });
});

test("a host id is one segment of a key", () => {
  expect(isHostId("7603414e-0bc2-434a-8121-fee219dbd339-fd00::1")).toBe(true);
  for (const id of ["", ".", "..", "a/b", "a\tb", "\udc00"]) expect(isHostId(id)).toBe(false);
});

test.each(["", "/prod", "/prod/eu-1", "/a b"])("%j can stand before keys", (prefix) => {
  expect(() => assertPrefix(prefix)).not.toThrow();
});

test.each([["prod"], ["/"], ["/prod/"], ["//prod"], ["/a/../b"], ["/a\n"], [null], [7]])(
  "%j cannot stand before keys",
  (prefix) => {
    expect(() => assertPrefix(prefix)).toThrow(/^prefix: /);
  },
);

test("keys are those of the other clients", () => {
  for (const fixture of fixtures.records) {
    expect(hostKey("", fixture.service, idOf(fixture))).toBe(fixture.hostKey);
    expect(infoKey("", fixture.service)).toBe(fixture.infoKey);
  }
});

test("a range of one service holds nothing of another whose name begins with it", () => {
  const range = hostsPrefix("/prod", "demo");
  expect(hostKey("/prod", "demo", "id").startsWith(range)).toBe(true);
  expect(hostKey("/prod", "demo-b", "id").startsWith(range)).toBe(false);
  expect(range.startsWith(servicesPrefix("/prod"))).toBe(true);
  expect(infoKey("/prod", "demo").startsWith(infosPrefix("/prod"))).toBe(true);
  expect(infoKey("/prod", "demo").startsWith(servicesPrefix("/prod"))).toBe(false);
});
