import { describe, expect, test } from "vitest";
import { assertOptionNames, strangeOption } from "../../../src/model/option-names.ts";

const known = {
  hostname: true,
  ports: true,
  privateHostname: true,
  public: true,
  user: true,
  timeoutMs: true,
} as const;

const check = (options: object): string[] => assertOptionNames<object>(options, known);

describe("a name that can only be meant for another", () => {
  test.each([
    ["hostnam", "hostname"],
    ["host", "hostname"],
    ["hostnaem", "hostname"],
    ["hostnames", "hostname"],
    ["port", "ports"],
    ["private_hostname", "privateHostname"],
    ["privateHostanme", "privateHostname"],
    ["priavteHotsname", "privateHostname"],
    ["PUBLIC", "public"],
    ["pubilc", "public"],
    ["timeoutMS", "timeoutMs"],
    ["timeout", "timeoutMs"],
  ])("is refused: %s", (name, meant) => {
    expect(() => check({ [name]: "secret" })).toThrow(
      expect.objectContaining({
        code: "INVALID_ARGUMENT",
        message: `${name}: is not known; did you mean ${meant}?`,
      }),
    );
  });

  test("is let pass beside the one that it could be meant for", () => {
    expect(check({ host: "0.0.0.0", port: 80, hostname: "a.dev", ports: {} })).toEqual([
      "host",
      "port",
    ]);
  });

  test("is let pass when it is undefined", () => {
    expect(check({ host: undefined })).toEqual([]);
    expect(() => check({ host: "a.dev", hostname: undefined })).toThrow("hostname");
  });
});

test("what is like nothing known is let pass, and named", () => {
  const strange = { retries: 3, name: "a", tls: {}, use: 1, "": 1, toString: 1, proto: 1 };
  expect(check({ ...strange, user: "u" })).toEqual(Object.keys(strange));
  expect(strangeOption("a\nb")).toBe('option "a\\nb" is not known, and has no effect');
});

test("only names of its own are an object's options", () => {
  expect(check(Object.create({ host: "a" }) as object)).toEqual([]);
  expect(check(new AbortController())).toEqual([]);
});
