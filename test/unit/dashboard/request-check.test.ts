import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { AllowedHosts, isLoopback } from "../../../src/dashboard/allowed-hosts.ts";
import { checkDashboardOptions } from "../../../src/dashboard/dashboard-options.ts";
import { refusalOf } from "../../../src/dashboard/request-check.ts";
import { FakeCatalogue } from "./fake-catalogue.ts";

describe("the names that a dashboard answers to", () => {
  const local = new AllowedHosts("127.0.0.1", 7379, ["dash.example.com", "other.example:444"]);
  const open = new AllowedHosts("0.0.0.0", 7379, [], ["10.0.0.7", "fe80::1"]);

  test.each([
    ["127.0.0.1:7379", local],
    ["localhost:7379", local],
    ["LOCALHOST:7379", local],
    ["[::1]:7379", local],
    ["dash.example.com", local],
    ["dash.example.com:7379", local],
    ["other.example:444", local],
    ["10.0.0.7:7379", open],
    ["[fe80::1]:7379", open],
    ["localhost", new AllowedHosts("localhost", 80, [])],
    ["node-1.internal:7379", new AllowedHosts("node-1.internal", 7379, [])],
  ])("are such as %s", (host, allowed) => {
    expect(allowed.admits(host)).toBe(true);
    expect(allowed.admitsOrigin(`http://${host}`)).toBe(true);
    expect(allowed.admitsOrigin(`https://${host}`)).toBe(true);
  });

  test.each([
    [undefined, local],
    ["", local],
    ["127.0.0.1", local],
    ["127.0.0.1:80", local],
    ["localhost.:7379", local],
    ["evil.example:7379", local],
    ["127.0.0.1.evil.example:7379", local],
    ["localhost:7379.evil.example", local],
    ["other.example", local],
    ["other.example:7379", local],
    ["10.0.0.7:7379", local],
    ["10.0.0.8:7379", open],
    ["127.0.0.1:7379, evil.example", local],
  ])("are not such as %s", (host, allowed) => {
    expect(allowed.admits(host)).toBe(false);
  });

  test.each([
    "null",
    "",
    "http://evil.example",
    "http://localhost:7379/",
    "http://localhost:7380",
    "ftp://localhost:7379",
    "http://localhost:7379@evil.example",
    "http://evil.example#localhost:7379",
  ])("are not that of a page from %j", (origin) => {
    expect(local.admitsOrigin(origin)).toBe(false);
  });
});

describe("a request", () => {
  const allowed = new AllowedHosts("127.0.0.1", 7379, []);
  const host = "127.0.0.1:7379";
  const refused = (headers: IncomingMessage["headers"]): string | undefined =>
    refusalOf({ headers } as IncomingMessage, allowed)?.text;

  test("passes from the own page, from a program, and by a link from elsewhere", () => {
    expect(refused({ host })).toBeUndefined();
    expect(refused({ host, origin: `http://${host}`, "sec-fetch-site": "same-origin" })).toBe(
      undefined,
    );
    expect(refused({ host, "sec-fetch-site": "none", "sec-fetch-mode": "navigate" })).toBe(
      undefined,
    );
    expect(refused({ host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" })).toBe(
      undefined,
    );
  });

  test("does not pass by another name, or from a page of another site", () => {
    expect(refused({ host: "evil.example:7379" })).toMatch(/evil\.example.*--allow-host/);
    expect(refused({})).toBeDefined();
    expect(refused({ host, origin: "http://evil.example" })).toBeDefined();
    expect(refused({ host, origin: "null" })).toBeDefined();
    expect(
      refused({ host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }),
    ).toBeDefined();
    expect(
      refused({ host, "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" }),
    ).toBeDefined();
  });
});

describe("the options of a dashboard", () => {
  const check = (options: object) =>
    checkDashboardOptions({ catalogue: new FakeCatalogue(), ...options });

  test("ask for a token off loopback, and where one is given", () => {
    expect(check({})).toEqual({ host: "127.0.0.1", port: 7379, guarded: false });
    expect(check({ host: "::1", port: 0 })).toMatchObject({ guarded: false });
    expect(check({ host: "127.3.2.1" })).toMatchObject({ guarded: false });
    expect(check({ host: "0.0.0.0" })).toMatchObject({ guarded: true });
    expect(check({ host: "127.evil.example" })).toMatchObject({ guarded: true });
    expect(check({ token: "a-token-of-some-length" })).toMatchObject({ guarded: true });
    expect(isLoopback("localhost.evil.example")).toBe(false);
  });

  test.each([
    [{ port: -1 }, /port/],
    [{ port: 65_536 }, /port/],
    [{ port: 1.5 }, /port/],
    [{ host: "" }, /host/],
    [{ token: "short" }, /at least 16/],
    [{ token: "" }, /token/],
    [{ token: "with some spaces in it" }, /token/],
    [{ allowHosts: ["http://a"] }, /allowHosts/],
    [{ allowHosts: ["*"] }, /allowHosts/],
    [{ allowHosts: [""] }, /allowHosts/],
  ])("are refused, such as %j", (options, message) => {
    expect(() => check(options)).toThrow(message);
  });
});
