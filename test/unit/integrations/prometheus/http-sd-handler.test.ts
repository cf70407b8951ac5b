import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Catalogue } from "../../../../src/catalogue/catalogue.ts";
import { Discovery, DiscoveryError, type HostOptions } from "../../../../src/index.ts";
import {
  type HttpSdHandler,
  httpSdHandler,
  type HttpSdOptions,
} from "../../../../src/integrations/prometheus/index.ts";
import { type MemoryStore, memoryStore } from "../../../../src/testing/index.ts";
import { ask, bearer } from "../../../support/asked.ts";
import { eventually } from "../../../support/eventually.ts";
import { series } from "../../../support/scrape.ts";
import { type FaultyStore, faultyStore } from "../../find/faulty-store.ts";

let store: MemoryStore;
let faulty: FaultyStore;
let discovery: Discovery;
const undo: (() => unknown)[] = [];

beforeEach(() => {
  store = memoryStore();
  faulty = faultyStore(store.connect());
  discovery = new Discovery({ store: faulty.store });
  undo.push(() => discovery.close());
});

afterEach(async () => {
  store.outage(false);
  for (const each of undo.splice(0).reverse()) await each();
});

const publicHost: HostOptions = {
  ...{ hostname: "x.dev", ports: { http: 80, https: 443 } },
  ...{ privateHostname: "10.0.0.7", privatePorts: { http: 8080, metrics: 9100 } },
  ...{ public: true, critical: true, shard: "shard-0", weight: 2 },
  ...{ user: "ann", password: "secret" },
  metadata: { zone: "eu-1", "app.version": "1.4.2", owner: "ann" },
};

interface Group {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

function handler(
  options?: HttpSdOptions,
  source: Discovery | Catalogue = discovery,
): HttpSdHandler {
  const made =
    source instanceof Catalogue ? httpSdHandler(source, options) : httpSdHandler(source, options);
  undo.push(() => made.close());
  return made;
}

/** The list, once there is one; sorted by targets. */
async function list(of: HttpSdHandler, headers: Record<string, string> = {}): Promise<Group[]> {
  return eventually(async () => {
    const { status, type, body } = await ask(of, { headers });
    expect(status).toBe(200);
    expect(type).toBe("application/json");
    const groups = JSON.parse(body) as Group[];
    return groups.toSorted((one, other) => (String(one.targets) < String(other.targets) ? -1 : 1));
  });
}

const targets = async (of: HttpSdHandler) => (await list(of)).flatMap((group) => group.targets);

const register = (service: string, host: HostOptions) =>
  discovery.register(service, host).waitRegistration();

describe("the list", () => {
  it("has each host as a target, with what is said of it as labels, and no credentials", async () => {
    const registration = discovery.register("api", publicHost);
    await registration.waitRegistration();
    await register("db", { privateHostname: "fd00::7", ports: { http: 81 } });
    const groups = await list(handler({ labels: ["zone", "app.version", "missing"] }));
    const labels = (of: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(of).map(([name, value]) => [`__meta_etcd_discovery_${name}`, value]),
      );
    expect(groups).toEqual([
      {
        targets: ["[fd00::7]:81"],
        labels: {
          ...labels({ service: "db", shard: "", port: "http", weight: "1" }),
          ...labels({ public: "false", critical: "false", draining: "false" }),
          ...labels({ uuid: expect.stringContaining("fd00::7") as string }),
        },
      },
      {
        targets: ["x.dev:80"],
        labels: {
          ...labels({ service: "api", shard: "shard-0", port: "http", weight: "2" }),
          ...labels({ public: "true", critical: "true", draining: "false" }),
          ...labels({ uuid: registration.uuid }),
          ...labels({ metadata_zone: "eu-1", metadata_app_version: "1.4.2" }),
        },
      },
    ]);
    expect(JSON.stringify(groups)).not.toMatch(/secret|ann/);
  });

  it("follows what comes, drains and goes", async () => {
    const made = handler();
    const registration = discovery.register("api", publicHost);
    await registration.waitRegistration();
    await eventually(async () => expect(await targets(made)).toEqual(["x.dev:80"]));
    const draining = registration.drain({ delayMs: 200 });
    await eventually(async () => {
      const [group] = await list(made);
      expect(group?.labels["__meta_etcd_discovery_draining"]).toBe("true");
    });
    await draining;
    await eventually(async () => expect(await list(made)).toEqual([]));
  });

  it("is of the port and the face that are asked for", async () => {
    await register("api", publicHost);
    expect(await targets(handler({ scheme: "https" }))).toEqual(["x.dev:443"]);
    expect(await targets(handler({ private: true }))).toEqual(["10.0.0.7:8080"]);
    const metrics = handler({ private: true, scheme: "metrics" });
    const [group] = await list(metrics);
    expect(group?.targets).toEqual(["10.0.0.7:9100"]);
    expect(group?.labels["__meta_etcd_discovery_port"]).toBe("metrics");
    const only = { privateHostname: "only.dev", ports: { https: 444 } };
    await register("other", only);
    const [other] = await list(handler({ services: ["other"] }));
    expect(other).toMatchObject({
      targets: ["only.dev:444"],
      labels: { __meta_etcd_discovery_port: "https" },
    });
  });

  it("is of the services that are asked for, by a discovery or by a catalogue", async () => {
    for (const name of ["api", "db", "web"]) {
      await register(name, { privateHostname: `${name}.dev`, ports: { http: 80 } });
    }
    expect(await targets(handler({ services: ["api", "db"] }))).toEqual([
      "api.dev:80",
      "db.dev:80",
    ]);
    const catalogue = new Catalogue(discovery);
    undo.push(() => catalogue.close());
    expect(await targets(handler({ services: ["web"] }, catalogue))).toEqual(["web.dev:80"]);
    const all = handler({}, catalogue);
    expect(await targets(all)).toEqual(["api.dev:80", "db.dev:80", "web.dev:80"]);
    await all.close();
    expect(catalogue.services.get("web")?.hosts.length).toBe(1);
    await register("api", { privateHostname: "api-2.dev", ports: { http: 80 } });
    await eventually(() => expect(catalogue.services.get("api")?.hosts.length).toBe(2));
  });

  it("leaves out hosts that cannot be targets, and counts them", async () => {
    await register("api", publicHost);
    await register("api", { privateHostname: "ftp.dev", ports: { ftp: 21 } });
    const bad = (id: string, fields: object) =>
      store.put("api", { kind: "host", id }, JSON.stringify({ uuid: id, ...fields }));
    bad("a", { name: "a/b", ports: { http: "80" } });
    bad("b", { name: "b.dev", ports: { http: "80000" } });
    bad("c", { name: "", ports: { http: "80" } });
    bad("d", { name: "d.dev\n", ports: { http: "80" } });
    store.put("api", { kind: "host", id: "e" }, "no json");
    const registry = new Registry();
    const made = handler({ registry });
    expect(made.counts).toEqual({ listed: 0, withoutPort: 0, malformed: 0 });
    expect(await targets(made)).toEqual(["x.dev:80"]);
    expect(made.counts).toEqual({ listed: 1, withoutPort: 1, malformed: 4 });
    expect(() => handler({ registry })).toThrow(/^registry: has a metric etcd_discovery_http_sd/);
    const name = "etcd_discovery_http_sd_targets";
    expect(Object.fromEntries(series(await registry.metrics()))).toEqual({
      [`${name}{result="listed"}`]: 1,
      [`${name}{result="malformed"}`]: 4,
      [`${name}{result="without_port"}`]: 1,
    });
    await made.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  it("has what people wrote into names and values as text alone", async () => {
    const odd = 'a"},{"targets":["evil:1"]}\u2028\\ 😀';
    await register(odd.replaceAll(/[\p{Cc}/]/gu, ""), {
      ...{ privateHostname: "x.dev", ports: { http: 80 } },
      ...{ shard: odd, metadata: { __proto__x: odd, "ü-1": "umlaut" } },
    });
    const [group, ...more] = await list(handler({ labels: ["__proto__x", "ü-1"] }));
    expect(more).toEqual([]);
    expect(group?.targets).toEqual(["x.dev:80"]);
    expect(group?.labels).toMatchObject({
      __meta_etcd_discovery_shard: odd,
      __meta_etcd_discovery_metadata___proto__x: odd,
      __meta_etcd_discovery_metadata___1: "umlaut",
    });
  });
});

describe("while etcd is away", () => {
  it("there is no list before the first, and the last one after it", async () => {
    await register("api", publicHost);
    store.outage(true);
    const made = handler();
    expect(await ask(made)).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect((await ask(made)).status).toBe(503);
    store.outage(false);
    expect(await targets(made)).toEqual(["x.dev:80"]);
    store.outage(true);
    await eventually(() => expect(discovery.health().etcd.lastError).toBeDefined());
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await targets(made)).toEqual(["x.dev:80"]);
  });

  it("there is no list as long as etcd has not answered, either", async () => {
    let answer = (_names: string[]): void => {};
    faulty.store.services = () => new Promise((resolve) => (answer = resolve));
    const made = handler();
    expect((await ask(made)).status).toBe(503);
    answer([]);
    expect(await list(made)).toEqual([]);
  });

  it("an empty list stays one: there was truly nothing", async () => {
    const made = handler();
    expect(await list(made)).toEqual([]);
    store.outage(true);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await list(made)).toEqual([]);
  });

  it("nothing is no list either when etcd refuses to tell", async () => {
    const refused = new DiscoveryError("PERMISSION_DENIED", "no role");
    faulty.store.services = () => Promise.reject(refused);
    const all = new Catalogue(discovery);
    undo.push(() => all.close());
    await expect(all.waitReady()).rejects.toBe(refused);
    expect(all.ready).toBe(true);
    expect((await ask(handler({}, all))).status).toBe(503);

    faulty.answer = () => {
      throw refused;
    };
    const named = new Catalogue(discovery, { services: ["api"] });
    undo.push(() => named.close());
    await eventually(() => expect(named.ready).toBe(true));
    expect((await ask(handler({}, named))).status).toBe(503);
  });

  it("after a refusal there is a list when all services were read, not the first of them", async () => {
    await register("api", publicHost);
    await register("web", { privateHostname: "web.dev", ports: { http: 80 } });
    const inner = store.connect();
    faulty.store.services = () =>
      Promise.reject(new DiscoveryError("PERMISSION_DENIED", "no role"));
    const catalogue = new Catalogue(discovery);
    undo.push(() => catalogue.close());
    await eventually(() => expect(catalogue.ready).toBe(true));
    let go = (): void => {};
    const held = new Promise<void>((resolve) => (go = resolve));
    faulty.store.read = async (service, ...rest) => {
      if (service === "api") await held;
      return inner.read(service, ...rest);
    };
    faulty.store.services = (options) => inner.services(options);
    const made = handler({}, catalogue);
    await eventually(() => expect(catalogue.services.get("web")?.hosts.length).toBe(1));
    expect((await ask(made)).status).toBe(503);
    go();
    expect(await targets(made)).toEqual(["web.dev:80", "x.dev:80"]);
  });
});

describe("the handler", () => {
  it("says nothing to whoever has not the token", async () => {
    await register("api", publicHost);
    const made = handler({ token: "t0ken" });
    expect((await list(made, bearer("t0ken"))).length).toBe(1);
    const answer = await ask(made, { headers: bearer("other") });
    expect(answer.status).toBe(401);
    expect(answer.body).not.toMatch(/x\.dev/);
    expect((await ask(made, { method: "DELETE", headers: bearer("t0ken") })).status).toBe(405);
  });

  it("answers 503 once it is closed, or its discovery is, so that Prometheus keeps what it has", async () => {
    await register("api", publicHost);
    const [one, other] = [handler(), handler()];
    await Promise.all([list(one), list(other)]);
    await one.close();
    await one.close();
    expect((await ask(one)).status).toBe(503);
    expect((await ask(other)).status).toBe(200);
    await discovery.close();
    expect((await ask(other)).status).toBe(503);
  });

  it.each<[string, object]>([
    ["scheme", { scheme: "" }],
    ["scheme", { scheme: 1 }],
    ["private", { private: "yes" }],
    ["services", { services: "api" }],
    ["service name", { services: ["a/b"] }],
    ["labels", { labels: "zone" }],
    ["labels", { labels: [1] }],
    ["labels", { labels: ["a.b", "a-b"] }],
    ["token", { token: "" }],
    ["registry", { registry: {} }],
    ["scheem", { scheem: "http" }],
  ])("refuses a wrong %s", (name, options) => {
    const make = () => httpSdHandler(discovery, options);
    expect(make).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }) as Error);
    expect(make).toThrow(new RegExp(`^${name}: `));
  });

  it("refuses what is no discovery", () => {
    for (const source of [undefined, null, {}, new Map()]) {
      expect(() => httpSdHandler(source as never)).toThrow(/^discovery: must be a Discovery/);
    }
  });
});
