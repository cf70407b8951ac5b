import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isDiscoveryError } from "../../../src/errors.ts";
import { Host } from "../../../src/model/host.ts";
import { prepareHost } from "../../../src/model/host-options.ts";
import {
  decodeHost,
  decodeInfo,
  encodeHost,
  encodeInfo,
  type HostRecord,
  infoOf,
} from "../../../src/model/record.ts";
import { Service } from "../../../src/model/service.ts";
import { frozenStrings } from "../../../src/model/strings.ts";
import { fixtures, idOf, optionsOf, record, text, utf8 } from "./records.ts";

describe.each(
  fixtures.records.map((fixture) => [fixture.writer, fixture.service, fixture] as const),
)("the %s record of %s", (_, service, fixture) => {
  const host = () => decodeHost(utf8(fixture.host), service, idOf(fixture));
  const info = () => decodeInfo(utf8(fixture.info), service);

  test("is read in full", () => {
    const wire = JSON.parse(fixture.host) as Record<string, unknown>;
    const read = host();
    expect({ ...read.ports }).toEqual(wire["ports"]);
    expect({ ...read.privatePorts }).toEqual(wire["private_ports"]);
    expect({
      name: read.hostname,
      uuid: read.uuid,
      user: read.user || undefined,
      password: read.password || undefined,
      public: read.public || undefined,
      private_hostname: read.privateHostname,
      critical: read.critical || undefined,
      shard: read.shard || undefined,
    }).toEqual({
      name: wire["name"],
      uuid: wire["uuid"],
      user: wire["user"],
      password: wire["password"],
      public: wire["public"],
      private_hostname: wire["private_hostname"],
      critical: wire["critical"],
      shard: wire["shard"],
    });
    expect(read.draining).toBe(false);
  });

  test("has the info that goes with it", () => {
    expect(infoOf(host())).toEqual(info());
  });

  test("makes urls, or says that it cannot", () => {
    const { hostname, ports } = host();
    for (const scheme of Object.keys(ports)) {
      const port = ports[scheme];
      if (hostname === "" || port === "80443") {
        expect(() => new Host(host()).url(scheme)).toThrow(
          expect.objectContaining({ code: "MALFORMED_RECORD" }),
        );
      } else {
        expect(new URL(new Host(host()).url(scheme)).protocol).toBe(`${scheme}:`);
      }
    }
  });
});

test.each(
  fixtures.records
    // The Ruby client writes the fields in another order.
    .filter(({ writer }) => writer === "go")
    .map((fixture) => [fixture.service, fixture] as const),
)("the go record of %s is written again as the same bytes", (service, fixture) => {
  const host = decodeHost(utf8(fixture.host), service, idOf(fixture));
  expect(text(encodeHost(host))).toBe(fixture.host);
  expect(text(encodeInfo(decodeInfo(utf8(fixture.info), service)))).toBe(fixture.info);
});

const refusedHere = new Set(["no-hostname", "escapes"]);

test.each(
  fixtures.records
    .filter(({ input, service }) => input !== undefined && !refusedHere.has(service))
    .map((fixture) => [fixture.service, fixture] as const),
)("what %s was given makes the same bytes here", (service, fixture) => {
  const { record } = prepareHost(service, optionsOf(fixture), {
    randomUuid: () => idOf(fixture).slice(0, 36),
    machineHostname: () => fixtures.machineHostname,
  });
  expect(text(encodeHost(record))).toBe(fixture.host);
  expect(text(encodeInfo(infoOf(record)))).toBe(fixture.info);
});

test.each([
  ["no-hostname", "hostname"],
  ["escapes", "ports"],
])("what %s was given is refused here", (service, field) => {
  const fixture = fixtures.records.find((candidate) => candidate.service === service);
  expect(fixture).toBeDefined();
  if (fixture === undefined) return;
  expect(() => prepareHost(service, optionsOf(fixture))).toThrow(
    expect.objectContaining({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(new RegExp(`^${field}\\b`)) as string,
    }),
  );
});

describe("bytes", () => {
  test("fields of our own follow the uuid", () => {
    const bytes = encodeHost(record({ draining: true, weight: 0.5 }));
    expect(text(bytes)).toMatch(
      /"uuid":"[^"]+","weight":0.5,"metadata":\{"version":"1.4.2"\},"draining":true\}$/,
    );
  });

  test("maps are sorted by the bytes of their names, whatever these look like", () => {
    const names = ["10", "9", "b", "B", "a", "\u{1f600}", "\uffee", "é", "__proto__"];
    const metadata = frozenStrings(names.map((name) => [name, ""]));
    const written = /"metadata":(\{[^}]*\})/.exec(text(encodeHost(record({ metadata }))))?.[1];
    expect(written).toBe(
      '{"10":"","9":"","B":"","__proto__":"","a":"","b":"","é":"","\uffee":"","\u{1f600}":""}',
    );
  });

  test("half characters are replaced, so that the bytes are UTF-8", () => {
    const bytes = encodeHost(record({ password: "a\ud800b" }));
    expect(new TextDecoder("utf-8", { fatal: true }).decode(bytes)).toContain('"a\ufffdb"');
  });
});

describe("tolerant reading", () => {
  const read = (value: unknown) =>
    decodeHost(utf8(typeof value === "string" ? value : JSON.stringify(value)), "svc", "the-id");

  test("the key says what the host is called, not the record", () => {
    const host = read({ uuid: "other", service_name: "other" });
    expect(host).toMatchObject({ uuid: "the-id", serviceName: "svc" });
  });

  test("fields are found without regard to case, and the last one counts", () => {
    const host = read('{"NAME":"a","Name":"b","Private_Hostname":"c","PUBLIC":true,"name":null}');
    expect(host).toMatchObject({ hostname: "b", privateHostname: "c", public: true });
  });

  test("ports may be strings or numbers", () => {
    const host = read({ ports: { http: 80, https: "443", odd: 1.5, none: null, deep: {} } });
    expect({ ...host.ports }).toEqual({ http: "80", https: "443", odd: "1.5", none: "", deep: "" });
  });

  test("what has another type than it should counts as absent", () => {
    const host = read({
      name: 5,
      ports: ["80"],
      private_ports: "80",
      user: {},
      password: [],
      public: "true",
      critical: 1,
      private_hostname: null,
      shard: 0,
      weight: "5",
      metadata: { a: 1, b: "2", c: null },
      draining: "yes",
    });
    expect(host).toEqual({
      uuid: "the-id",
      serviceName: "svc",
      hostname: "",
      ports: {},
      user: "",
      password: "",
      public: false,
      privateHostname: "",
      privatePorts: {},
      critical: false,
      shard: "",
      weight: undefined,
      metadata: { b: "2" },
      draining: false,
    });
  });

  test.each(["0", "-1", '"1"', "null", "true", "1e400", "[1]"])(
    "a weight of %s is none",
    (weight) => {
      expect(read(`{"weight":${weight}}`).weight).toBeUndefined();
    },
  );

  test("names of a prototype are names like any other", () => {
    const host = read(
      '{"__proto__":{"name":"evil","public":true},"constructor":"x","ports":{"__proto__":"81","constructor":"82","http":"80"},"metadata":{"__proto__":"m"}}',
    );
    expect(host).toMatchObject({ hostname: "", public: false });
    expect(Object.entries(host.ports)).toEqual([
      ["__proto__", "81"],
      ["constructor", "82"],
      ["http", "80"],
    ]);
    expect(host.ports["toString"]).toBeUndefined();
    expect(host.metadata?.["__proto__"]).toBe("m");
    expect(({} as Record<string, unknown>)["name"]).toBeUndefined();
  });

  test("what is no JSON object is no record", () => {
    const malformed = expect.objectContaining({ code: "MALFORMED_RECORD" }) as Error;
    const texts = ["", " ", "null", "5", '"x"', "[]", "{", "{} {}", "undefined", "\u0000"];
    for (const value of [...texts, "[".repeat(1e6)]) {
      expect(() => read(value)).toThrow(malformed);
      expect(() => decodeInfo(utf8(value), "svc")).toThrow(malformed);
    }
  });

  test("the error names the record, and nothing that is in it", () => {
    const broken = '{"user":"u","password":"s3cret"';
    for (const cut of [broken, `${broken}]`, broken.slice(0, -1), `x${broken}`]) {
      let failure: unknown;
      try {
        read(cut);
      } catch (error) {
        failure = error;
      }
      expect(isDiscoveryError(failure, "MALFORMED_RECORD")).toBe(true);
      const { message, stack, cause } = failure as Error;
      expect(message).toContain('host "the-id" of service "svc"');
      expect(`${message} ${stack} ${String(cause)}`).not.toContain("s3cret");
    }
  });
});

const strings = fc.string({ unit: "grapheme", maxLength: 12 }).map((value) => value.toWellFormed());
const maps = fc
  .uniqueArray(fc.tuple(strings, strings), { maxLength: 4, selector: ([name]) => name })
  .map(frozenStrings);

const records: fc.Arbitrary<HostRecord> = fc.record({
  uuid: strings,
  serviceName: strings,
  hostname: strings,
  ports: maps,
  user: strings,
  password: strings,
  public: fc.boolean(),
  privateHostname: strings,
  privatePorts: maps,
  critical: fc.boolean(),
  shard: strings,
  weight: fc.option(fc.double({ min: Number.MIN_VALUE, max: Number.MAX_VALUE, noNaN: true }), {
    nil: undefined,
  }),
  metadata: fc.option(
    maps.filter((map) => Object.keys(map).length > 0),
    { nil: undefined },
  ),
  draining: fc.boolean(),
});

describe("properties", () => {
  test("encode then decode is the identity", () => {
    fc.assert(
      fc.property(records, (original) => {
        const { uuid, serviceName } = original;
        expect(decodeHost(encodeHost(original), serviceName, uuid)).toEqual(original);
        const info = infoOf(original);
        expect(decodeInfo(encodeInfo(info), serviceName)).toEqual(info);
      }),
    );
  });

  const fieldNames = [
    "name NAME service_name ports user password public private_hostname private_ports",
    "critical shard uuid weight metadata draining hostname __proto__ constructor toString",
  ].flatMap((names) => names.split(" "));
  const anything = fc.oneof(
    fc.jsonValue({ noUnicodeString: false }),
    fc.constantFrom("x".repeat(1 << 20), "\ud800", "\u0000"),
    fc.dictionary(fc.constantFrom("http", "__proto__", "constructor", ""), fc.jsonValue()),
  );
  const junk = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.jsonValue().map((value) => utf8(JSON.stringify(value))),
    fc
      .array(fc.tuple(fc.constantFrom(...fieldNames), anything))
      .map((members) =>
        utf8(
          `{${members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`,
        ),
      ),
    // Good records with a broken byte in them.
    fc.tuple(records, fc.nat(), fc.nat(255)).map(([original, at, byte]) => {
      const bytes = Uint8Array.from(encodeHost(original));
      bytes[at % bytes.length] = byte;
      return bytes;
    }),
  );

  test("whatever is read is a record or MALFORMED_RECORD, and a record harms nobody", () => {
    const attempt = (use: () => unknown, codes: string[]) => {
      try {
        return use();
      } catch (error) {
        if (isDiscoveryError(error) && codes.includes(error.code)) return undefined;
        throw error;
      }
    };
    fc.assert(
      fc.property(junk, (value) => {
        const record = attempt(() => decodeHost(value, "svc", "id"), ["MALFORMED_RECORD"]);
        const info = attempt(() => decodeInfo(value, "svc"), ["MALFORMED_RECORD"]);
        if (record !== undefined) {
          const host = new Host(record as HostRecord);
          attempt(() => new URL(host.url()), ["MALFORMED_RECORD", "UNKNOWN_SCHEME"]);
          attempt(() => new URL(host.privateUrl()), ["MALFORMED_RECORD", "UNKNOWN_SCHEME"]);
          expect(typeof String(host)).toBe("string");
          expect(typeof JSON.stringify(host)).toBe("string");
          expect(decodeHost(encodeHost(record as HostRecord), "svc", "id")).toEqual(record);
        }
        if (info !== undefined) {
          const service = new Service(info as ReturnType<typeof decodeInfo>);
          attempt(() => new URL(service.url()), ["MALFORMED_RECORD", "UNKNOWN_SCHEME"]);
        }
      }),
      { numRuns: 300 },
    );
  });
});
