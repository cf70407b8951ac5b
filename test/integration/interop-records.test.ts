import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Discovery, type HostOptions } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { GoHost, type GoHostInput, goLookup } from "../support/go-client.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";
import { RubyHost } from "../support/ruby-client.ts";
import { type Fixture, fixtures, idOf, optionsOf } from "../unit/model/records.ts";

let etcd: EtcdCluster;
let raw: RawEtcdV2;
let discovery: Discovery;

beforeAll(async () => {
  vi.stubEnv("HOSTNAME", fixtures.machineHostname);
  etcd = await startEtcd({ args: ["--enable-v2"] });
  raw = new RawEtcdV2(etcd.endpoint);
  discovery = new Discovery({ api: 2, endpoints: etcd.endpoints, ttlSeconds: 5 });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await discovery.close();
  await etcd.stop();
});

const given = fixtures.records.filter(({ input }) => input !== undefined);

/** DESIGN.md refuses these, as nobody could reach what they say. */
const refused = new Set(["no-hostname", "escapes"]);

async function registered(service: string, options: HostOptions) {
  const registration = discovery.register(service, options);
  await registration.waitRegistration();
  return registration;
}

/** The bytes on etcd of a host and of its service's info. */
async function stored(service: string, uuid: string) {
  const host = await raw.get(`/services/${service}/${uuid}`);
  const info = await raw.get(`/services_infos/${service}`);
  return { host: host?.value, info: info?.value };
}

describe.concurrent("what is written", () => {
  test.each(
    given
      .filter(({ service }) => !refused.has(service))
      .map((fixture) => [fixture.service, fixture] as const),
  )("for %s are the bytes of the Go client, under its keys", async (service, fixture) => {
    const { uuid } = await registered(service, optionsOf(fixture));
    expect(uuid.slice(36)).toBe(idOf(fixture).slice(36));
    expect(await stored(service, uuid)).toEqual({
      host: fixture.host.replaceAll(idOf(fixture), uuid),
      info: fixture.info,
    });
  });

  test("for characters that Go escapes are the bytes of the Go client", async () => {
    const fixture = given.find(({ service }) => service === "escapes") as Fixture;
    const text = JSON.stringify(fixture)
      .replaceAll("80443", "8443")
      .replaceAll("escapes", "escapes-allowed");
    const allowed = JSON.parse(text) as Fixture;
    const { uuid } = await registered(allowed.service, optionsOf(allowed));
    expect(await stored(allowed.service, uuid)).toEqual({
      host: allowed.host.replaceAll(idOf(allowed), uuid),
      info: allowed.info,
    });
  });

  test.each(given.filter(({ service }) => refused.has(service)))(
    "for $service is nothing",
    async (fixture) => {
      expect(() => discovery.register(fixture.service, optionsOf(fixture))).toThrow(
        expect.objectContaining({ code: "INVALID_ARGUMENT" }),
      );
      expect(await raw.get(`/services/${fixture.service}`)).toBeUndefined();
    },
  );

  test.each([
    ["&value=x&ttl=0", "a+b%20c=d;e"],
    ['"quoted" \\back/slash', "tab\tline\r\nnull\u0000del\u007f"],
    ["<script>&amp;</script>", "\u2028\u2029"],
    ["é日本", "\u{1f600}\uffee"],
    ["  ", "  around  "],
    ["", "without a user"],
    ["without a password", ""],
    ["long", "x&".repeat(8_000)],
  ])("for the user %j and such a password is the same as Go's", async (user, password) => {
    const service = `credentials-${Buffer.from(user).toString("hex")}`;
    const input = {
      name: "public-domain.dev",
      ports: { http: "80" },
      public: true,
      user,
      password,
    };
    await using host = await new GoHost(raw, service, input).start();
    const go = await stored(service, host.uuid);
    await host.stop();
    await raw.delete(host.infoKey);
    const { name: hostname, ...options } = input;
    const { uuid } = await registered(service, { hostname, ...options });
    const ours = await stored(service, uuid);
    expect(ours.host?.replaceAll(uuid, "")).toBe(go.host?.replaceAll(host.uuid, ""));
    expect(ours.info).toBe(go.info);
    const read = await discovery.get(service).one();
    expect([read.user, read.password]).toEqual([user, password]);
  });

  test.each([
    "a b",
    "100%",
    "%2f",
    "what?a=b#c",
    "a+b&c=d;e",
    "~!$'()*,:@",
    "back\\slash",
    '"<>&',
    "...",
    "é日本\u{1f600}",
    "x".repeat(255),
  ])("for a service called %j is where the Go client looks", async (service) => {
    const registration = await registered(service, { hostname: "node-1", ports: { http: 80 } });
    const { uuid } = registration;
    await using host = await new GoHost(raw, service, {
      name: "node-2",
      ports: { http: "80" },
    }).start();
    const both = [uuid, host.uuid].sort();
    expect((await goLookup(raw, service)).hosts.map((each) => each.uuid).sort()).toEqual(both);
    const ours = await discovery.get(service).all();
    expect(ours.map((each) => each.uuid).sort()).toEqual(both);
    expect([...(await raw.list(`/services/${service}`)).keys()].sort()).toEqual(
      both.map((each) => `/services/${service}/${each}`),
    );
    expect(await discovery.services()).toContain(service);
    await registration.unregister();
    expect((await goLookup(raw, service)).hosts.map((each) => each.uuid)).toEqual([host.uuid]);
  });

  test("lives by the time to live, the info does not", async () => {
    const { uuid } = await registered("ttl", { hostname: "node-1", ports: { http: 80 } });
    expect([4, 5]).toContain((await raw.get(`/services/ttl/${uuid}`))?.ttl);
    expect(await raw.get("/services_infos/ttl")).not.toHaveProperty("ttl");
  });

  test("beyond what the Go client knows does not trouble it", async () => {
    const registration = await registered("beyond", {
      hostname: "node-1",
      ports: { http: 80 },
      shard: "shard-0",
      weight: 5,
      metadata: { version: "1.4.2" },
    });
    const { hosts } = await goLookup(raw, "beyond");
    expect(hosts).toMatchObject([{ name: "node-1", shard: "shard-0", service_name: "beyond" }]);
    const text = (await stored("beyond", registration.uuid)).host;
    const own = `"shard":"shard-0","uuid":"${registration.uuid}","weight":5,"metadata":{"version":"1.4.2"}}`;
    expect(text).toContain(own);
  });

  test("with a prefix lies below it, and nowhere else", async () => {
    await using prefixed = new Discovery({ api: 2, endpoints: etcd.endpoints, prefix: "/team a" });
    const registration = prefixed.register("prefixed", { hostname: "node-1", ports: { http: 80 } });
    await registration.waitRegistration();
    expect([...(await raw.list("/team a")).keys()].sort()).toEqual([
      `/team a/services/prefixed/${registration.uuid}`,
      "/team a/services_infos/prefixed",
    ]);
    expect(await raw.get("/services/prefixed")).toBeUndefined();
    expect(await prefixed.services()).toEqual(["prefixed"]);
  });
});

describe.concurrent("what others write", () => {
  test.each(fixtures.records.map((fixture) => [fixture.writer, fixture.service, fixture] as const))(
    "is read: the %s record of %s",
    async (writer, original, fixture) => {
      const service = `read-${writer}-${original}`;
      const uuid = idOf(fixture);
      await raw.put(`/services/${service}/${uuid}`, fixture.host, 60);
      await raw.put(`/services_infos/${service}`, fixture.info);
      const wire = JSON.parse(fixture.host) as GoHostInput;
      const [host, ...others] = await discovery.get(service).all();
      expect(others).toEqual([]);
      expect(host).toMatchObject({
        uuid,
        hostname: wire.name,
        privateHostname: wire.private_hostname,
        public: wire.public ?? false,
        critical: wire.critical ?? false,
        shard: wire.shard ?? "",
        user: wire.user ?? "",
      });
      expect(host?.password).toBe(wire.password ?? "");
      expect({ ...host?.ports }).toEqual(wire.ports);
      expect({ ...host?.privatePorts }).toEqual(wire.private_ports);
      const info = await discovery.get(service).service();
      expect(info).toMatchObject({
        public: wire.public ?? false,
        critical: wire.critical ?? false,
      });
      expect(info.password).toBe(wire.public === true ? (wire.password ?? "") : "");
    },
  );

  test("is found by name, by shard, as URLs", async () => {
    const ports = { http: "80", https: "443" };
    const faces = { private_hostname: "n1", private_ports: { http: "8080" } };
    const secret = { user: "u", password: "p@ss/w:rd #1" };
    const input = { name: "public-domain.dev", ports, public: true, ...secret, ...faces };
    await using host = await new GoHost(raw, "found-go", { ...input, shard: "s1" }).start();
    await using other = await new RubyHost(raw, "found-ruby", { ...input, shard: "s2" }).start();
    const url = "https://u:p%40ss%2Fw%3Ard%20%231@public-domain.dev:443/x";
    for (const [service, uuid, shard] of [
      ["found-go", host.uuid, "s1"],
      ["found-ruby", other.uuid, "s2"],
    ] as const) {
      expect(await discovery.get(service).url("https", "/x")).toBe(url);
      expect((await discovery.get(service, { shard }).first()).uuid).toBe(uuid);
      expect(await discovery.get(service).one().privateUrl("http")).toContain("@n1:8080");
    }
    await expect(discovery.get("found-go", { shard: "s2" }).one()).rejects.toMatchObject({
      code: "NO_HOST_FOUND_ON_SHARD",
    });
    expect(await discovery.services({ alive: true })).toEqual(
      expect.arrayContaining(["found-go", "found-ruby"]),
    );
    await host.stop();
    await expect(discovery.get("found-go").one()).rejects.toMatchObject({ code: "NO_HOST_FOUND" });
    expect(await discovery.get("found-go").url("https", "/x")).toBe(url);
    expect(await discovery.services()).toContain("found-go");
    expect(await discovery.services({ alive: true })).not.toContain("found-go");
  });

  test("is a private service where Ruby writes null for what it was not given", async () => {
    const input = { name: "node-1", ports: { tcp: "5432" }, private_hostname: "node-1" };
    await using host = await new RubyHost(raw, "nulls", input).start();
    expect((await raw.get(host.infoKey))?.value).toBe(
      '{"name":"nulls","critical":null,"user":"","password":"","public":null}',
    );
    const service = await discovery.get("nulls").service();
    expect(service).toMatchObject({ name: "nulls", public: false, critical: false });
    expect(await discovery.get("nulls").url("tcp")).toBe("tcp://node-1:5432");
  });

  test("is nothing where nobody ever was", async () => {
    await expect(discovery.get("nobody").all()).rejects.toMatchObject({
      code: "SERVICE_NOT_FOUND",
    });
    expect((await discovery.get("nobody").service()).name).toBe("nobody");
  });
});
