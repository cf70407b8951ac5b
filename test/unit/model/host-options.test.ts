import { hostname as machineHostname } from "node:os";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type HostChanges,
  type HostOptions,
  prepareHost,
  updateHost,
} from "../../../src/model/host-options.ts";
import { encodeHost } from "../../../src/model/record.ts";

const defaults = { randomUuid: () => "the-uuid", machineHostname: () => "machine-1" };
const prepare = (options: HostOptions) => prepareHost("svc", options, defaults);
const ports = { http: 80 };

describe("defaults", () => {
  test("a private host has one face", () => {
    for (const options of [
      { hostname: "h", ports },
      { privateHostname: "h", ports },
      { privateHostname: "h", privatePorts: ports },
      { hostname: "h", privatePorts: { http: "80" } },
    ]) {
      expect(prepare(options).record).toEqual({
        uuid: "the-uuid-h",
        serviceName: "svc",
        hostname: "h",
        ports: { http: "80" },
        user: "",
        password: "",
        public: false,
        privateHostname: "h",
        privatePorts: { http: "80" },
        critical: false,
        shard: "",
        weight: undefined,
        metadata: undefined,
        draining: false,
      });
    }
  });

  test("two faces that are given stay two", () => {
    const { record } = prepare({
      hostname: "db.dev",
      ports: { tcp: 5432 },
      privateHostname: "10.0.0.8",
      privatePorts: { tcp: 15_432 },
    });
    expect(record).toMatchObject({
      uuid: "the-uuid-10.0.0.8",
      hostname: "db.dev",
      ports: { tcp: "5432" },
      privateHostname: "10.0.0.8",
      privatePorts: { tcp: "15432" },
    });
  });

  test("a private host that was given no hostname has the machine's", () => {
    expect(prepare({ ports }).record).toMatchObject({
      uuid: "the-uuid-machine-1",
      hostname: "machine-1",
      privateHostname: "machine-1",
    });
  });

  test("a public host has the machine's private hostname, and its own ports there", () => {
    expect(prepare({ hostname: "h", ports, public: true }).record).toMatchObject({
      uuid: "the-uuid-machine-1",
      hostname: "h",
      privateHostname: "machine-1",
      privatePorts: { http: "80" },
      public: true,
    });
  });

  test("the machine is called by $HOSTNAME, else by its hostname", () => {
    const before = process.env["HOSTNAME"];
    try {
      process.env["HOSTNAME"] = "from-environment";
      expect(prepareHost("svc", { ports }).record.hostname).toBe("from-environment");
      process.env["HOSTNAME"] = "";
      expect(prepareHost("svc", { ports }).record.hostname).toBe(machineHostname());
    } finally {
      if (before === undefined) delete process.env["HOSTNAME"];
      else process.env["HOSTNAME"] = before;
    }
  });

  test("each host has a version 4 uuid of its own", () => {
    const uuids = [1, 2].map(() => prepareHost("svc", { hostname: "h", ports }).record.uuid);
    expect(new Set(uuids).size).toBe(2);
    for (const uuid of uuids) {
      expect(uuid).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}-h$/,
      );
    }
  });

  test("the caller's objects can be changed afterwards", () => {
    const given = { hostname: "h", ports: { http: 80 }, metadata: { a: "1" } };
    const { record } = prepare(given);
    given.ports.http = 81;
    given.metadata.a = "2";
    expect(record).toMatchObject({ ports: { http: "80" }, metadata: { a: "1" } });
  });
});

const longHostname = `${"a".repeat(60)}.`.repeat(4);

const refused: [field: string, options: unknown][] = [
  ["host options", undefined],
  ["host options", null],
  ["host options", "h"],
  ["hostname", { public: true, ports }],
  ["hostname", { public: true, ports, hostname: "" }],
  ["ports", {}],
  ["ports", { hostname: "h", ports: {} }],
  ["ports", { hostname: "h", ports: {}, privatePorts: {} }],
  ["ports", { ports: [80] }],
  ["ports", { ports: 80 }],
  ["ports", { ports: null }],
  ["ports", { ports: new Map([["http", 80]]) }],
  ...[
    0,
    -1,
    65_536,
    80.5,
    NaN,
    Infinity,
    "",
    " 80",
    "0x50",
    "8e1",
    "http",
    true,
    null,
    undefined,
    {},
  ].map((port): [string, unknown] => ['ports "http"', { ports: { http: port } }]),
  ['privatePorts "http"', { ports, privatePorts: { http: 80_443 } }],
  ...["", "1a", "a b", "a_b", "http:", "é", "file", "FILE"].map((name): [string, unknown] => [
    "ports",
    { ports: { [name]: 80 } },
  ]),
  ["ports", { ports: JSON.parse('{"__proto__":80}') as unknown }],
  ...[
    ...["/", "@", "?", "#", "%", "\\", "[", "]", " ", "\t", "\n", "\u0000", "\u0085", "\u00a0"],
    ...["[::1]", "h:80", "<", "\ud800"],
  ].flatMap((part): [string, unknown][] => [
    ["hostname", { hostname: `a${part}b`, ports }],
    ["privateHostname", { privateHostname: `a${part}`, ports }],
  ]),
  ["hostname", { hostname: "1.2.3.256", ports }],
  ["hostname", { hostname: 5, ports }],
  ["hostname", { hostname: null, ports }],
  ["privateHostname", { privateHostname: {}, ports }],
  ["user", { user: 5, ports }],
  ["user", { user: null, ports }],
  ["password", { password: ["x"], ports }],
  ["password", { password: Buffer.from("x"), ports }],
  ["public", { public: "false", ports }],
  ["public", { public: null, ports }],
  ["critical", { critical: 1, ports }],
  ["shard", { shard: 0, ports }],
  ...[0, -1, NaN, Infinity, "1", null].map((weight): [string, unknown] => [
    "weight",
    { weight, ports },
  ]),
  ["metadata", { metadata: "x", ports }],
  ["metadata", { metadata: ["x"], ports }],
  ["metadata", { metadata: null, ports }],
  ['metadata "a"', { metadata: { a: 1 }, ports }],
  ['metadata "a"', { metadata: { a: undefined }, ports }],
  ["metadata", { metadata: { a: "x".repeat(65_536) }, ports }],
  ["password", { password: "<".repeat(11_000), ports }],
];

test.each(refused)("%s: refused in %j", (field, options) => {
  expect(() => prepare(options as HostOptions)).toThrow(
    expect.objectContaining({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(/^[^:]+: .{10,}$/s) as string,
    }),
  );
  expect(() => prepare(options as HostOptions)).toThrow(`${field}: `);
});

test("a machine without a usable hostname is a reason to give one", () => {
  for (const name of ["", "my host"]) {
    const machine = { ...defaults, machineHostname: () => name };
    expect(() => prepareHost("svc", { ports }, machine)).toThrow(/^privateHostname/);
    expect(() => prepareHost("svc", { ports, hostname: "h", public: true }, machine)).toThrow(
      /^privateHostname/,
    );
    expect(prepareHost("svc", { ports, hostname: "h" }, machine).record.hostname).toBe("h");
  }
});

test("a record may be 64 KiB long", () => {
  const bare = encodeHost(prepare({ hostname: "h", ports, shard: "x" }).record).byteLength;
  const shard = "x".repeat(65_536 - bare + 1);
  expect(encodeHost(prepare({ hostname: "h", ports, shard }).record).byteLength).toBe(65_536);
  expect(() => prepare({ hostname: "h", ports, shard: `${shard}x` })).toThrow(/^shard: .*65536/);
});

test("a refusal never shows a secret", () => {
  for (const options of [
    { user: { name: "s3cret" }, ports },
    { password: ["s3cret"], ports },
    { password: "s3cret".repeat(20_000), ports },
    { password: "s3cret", ports: {} },
  ]) {
    expect(() => prepare(options as unknown as HostOptions)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("s3cret") as string }),
    );
  }
});

test("any options make a record or a refusal", () => {
  const field = fc.constantFrom(
    "hostname ports privateHostname privatePorts public critical shard user password weight metadata __proto__".split(
      " ",
    ),
  );
  fc.assert(
    fc.property(
      field.chain((names) => fc.dictionary(fc.constantFrom(...names), fc.anything())),
      (options) => {
        let refusal: unknown;
        try {
          expect(typeof prepare(options as HostOptions).record.uuid).toBe("string");
        } catch (error) {
          refusal = error;
        }
        if (refusal !== undefined) expect(refusal).toMatchObject({ code: "INVALID_ARGUMENT" });
      },
    ),
  );
});

describe("warnings", () => {
  test.each([
    ["127.0.0.1", "a loopback"],
    ["127.1", "a loopback"],
    ["localhost", "a loopback"],
    ["api.localhost", "a loopback"],
    ["::1", "a loopback"],
    ["0:0::1", "a loopback"],
    ["::ffff:127.0.0.1", "a loopback"],
    ["169.254.169.254", "a link-local"],
    ["fe80::1", "a link-local"],
    ["febf::1", "a link-local"],
    ["::ffff:169.254.1.1", "a link-local"],
    ["0.0.0.0", "an unspecified"],
    ["::", "an unspecified"],
  ])("%s is %s address", (hostname, kind) => {
    expect(prepare({ hostname, ports }).warnings).toEqual([
      `hostname ${JSON.stringify(hostname)} is ${kind} address, which other machines cannot reach`,
    ]);
  });

  test.each([
    "10.0.0.1",
    "fd00::1",
    "fec0::1",
    "128.0.0.1",
    "1.127.0.1",
    "localhost.dev",
    "mylocalhost",
    longHostname,
  ])("%s is an address like any other", (hostname) => {
    expect(prepare({ hostname, ports }).warnings).toEqual([]);
  });

  test("name the face", () => {
    const { warnings } = prepare({
      hostname: "h.dev",
      privateHostname: "127.0.0.1",
      ports,
      public: true,
    });
    expect(warnings).toEqual([expect.stringMatching(/^privateHostname "127/)]);
    expect(prepare({ hostname: "::1", privateHostname: "127.0.0.1", ports }).warnings).toHaveLength(
      2,
    );
  });
});

describe("updating", () => {
  const full: HostOptions = {
    hostname: "h.dev",
    ports: { http: 80 },
    privateHostname: "n1",
    privatePorts: { http: 8080 },
    public: true,
    critical: true,
    shard: "s",
    user: "u",
    password: "p",
    weight: 2,
    metadata: { a: "1" },
  };
  const update = (options: HostOptions, changes: HostChanges) =>
    updateHost(prepare(options), changes, defaults);

  test("what is absent or undefined stays as it is", () => {
    const before = prepare(full).record;
    expect(update(full, {}).record).toEqual(before);
    expect(
      update(full, { hostname: undefined, weight: undefined, draining: undefined }).record,
    ).toEqual(before);
  });

  test("what is given is changed, and the id stays", () => {
    const { record } = update(full, {
      privateHostname: "n2",
      ports: { http: 81 },
      weight: 5,
      critical: false,
    });
    expect(record).toEqual({
      ...prepare(full).record,
      privateHostname: "n2",
      ports: { http: "81" },
      weight: 5,
      critical: false,
    });
    expect(record.uuid).toBe("the-uuid-n1");
  });

  test("an empty value clears, and the default holds again", () => {
    const { record } = update(full, {
      shard: "",
      metadata: {},
      privateHostname: "",
      privatePorts: {},
    });
    expect(record).toMatchObject({
      shard: "",
      metadata: undefined,
      privateHostname: "machine-1",
      privatePorts: { http: "80" },
    });
  });

  test("a default follows what it was taken from", () => {
    expect(update({ hostname: "h", ports }, { ports: { http: 81 } }).record).toMatchObject({
      ports: { http: "81" },
      privatePorts: { http: "81" },
    });
    expect(update({ hostname: "h", ports }, { hostname: "h2" }).record).toMatchObject({
      hostname: "h2",
      privateHostname: "h2",
    });
    expect(
      update({ hostname: "h", ports, privatePorts: { http: 82 } }, { ports: { http: 81 } }).record,
    ).toMatchObject({ privatePorts: { http: "82" } });
  });

  test("updates add up", () => {
    const once = update({ hostname: "h", ports }, { shard: "s", draining: true });
    const twice = updateHost(once, { weight: 3 }, defaults);
    expect(twice.record).toMatchObject({ shard: "s", weight: 3, draining: true });
    expect(updateHost(twice, { draining: false }, defaults).record.draining).toBe(false);
  });

  test("the credentials are those of the current record, which others may have changed", () => {
    const current = prepare(full);
    const adopted = { ...current, record: { ...current.record, user: "u2", password: "p2" } };
    expect(updateHost(adopted, { weight: 9 }, defaults).record).toMatchObject({
      user: "u2",
      password: "p2",
    });
  });

  test.each([
    ["public", { public: false }],
    ["user", { user: "" }],
    ["password", { password: "x" }],
    ["hostname", { hostname: "" }],
    ["hostname", { hostname: "a/b" }],
    ["ports", { ports: {}, privatePorts: {} }],
    ["weight", { weight: 0 }],
    ["draining", { draining: "no" }],
    ["metadata", { metadata: { a: "x".repeat(70_000) } }],
    ["host options", null],
  ])("%s: refused in %.60j", (field, changes) => {
    expect(() => update(full, changes as unknown as HostChanges)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
    expect(() => update(full, changes as unknown as HostChanges)).toThrow(`${field}: `);
  });

  test("warns of what is new only", () => {
    const local = { hostname: "127.0.0.1", ports };
    expect(update(local, { weight: 2 }).warnings).toEqual([]);
    expect(update(local, { hostname: "::1" }).warnings).toHaveLength(1);
  });
});
