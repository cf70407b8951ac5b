import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Discovery, type HostOptions } from "../../src/index.ts";
import type { EtcdCluster } from "../../src/testing/index.ts";
import { apis, appliesTo } from "../support/apis.ts";

describe.each(apis)("etcd v$api", (etcdApi) => {
  const { api, start } = etcdApi;
  let etcd: EtcdCluster;
  let owner: Discovery;
  let discovery: Discovery;

  const many = 1_300;

  beforeAll(async () => {
    // Of its own, as its calls are counted.
    etcd = await start();
    const raw = etcdApi.raw(etcd);
    owner = new Discovery({ api, endpoints: etcd.endpoints, ttlSeconds: 60 });
    discovery = new Discovery({ api, endpoints: etcd.endpoints });
    const host = (more: HostOptions): HostOptions => ({ ports: { http: 80 }, ...more });
    const publicHost = (more: HostOptions): HostOptions => {
      const names = { hostname: "public.dev", privateHostname: "private.dev", public: true };
      return host({ ...names, user: "us er", password: "p@ss/word", ...more });
    };
    const services: Record<string, HostOptions[]> = {
      public: [
        publicHost({ shard: "a", ports: { http: 80, https: 443, amqp: 5672 } }),
        publicHost({ shard: "b", ports: { http: 80, https: 443, amqp: 5672 } }),
      ],
      private: [
        host({ hostname: "a.dev", shard: "a", privatePorts: { http: 8080 } }),
        host({ hostname: "b.dev", shard: "b" }),
        host({ hostname: "::1", shard: "c", ports: { https: 443 } }),
      ],
      many: Array.from({ length: many }, (_, i) => host({ hostname: "node.dev", weight: i + 1 })),
      draining: [host({ hostname: "stays.dev" }), host({ hostname: "leaves.dev" })],
    };
    const registrations = Object.entries(services).flatMap(([name, hosts]) =>
      hosts.map((each) => owner.register(name, each)),
    );
    await Promise.all(registrations.map((each) => each.waitRegistration()));
    void registrations.at(-1)?.drain({ delayMs: 3_600_000 });
    await raw.put(
      "/services_infos/left",
      `{"name":"left","critical":true,"hostname":"left.dev","user":"u","password":"p","ports":{"http":"80"},"public":true}`,
    );
    await raw.put("/services_infos/asleep", `{"name":"asleep","critical":false}`);
    await raw.put(
      "/services/bare/by-hand",
      `{"name":"bare.dev","service_name":"bare","ports":{"http":80}}`,
    );
  });
  afterAll(async () => {
    await Promise.all([owner?.close(), discovery?.close()]);
    await etcd?.stop();
  });

  /** What calls etcd has had so far, by their method. */
  async function calls(): Promise<Record<string, number>> {
    const metrics = await (await fetch(`${etcd.endpoint}/metrics`)).text();
    const lines = metrics.matchAll(/^grpc_server_started_total{grpc_method="(\w+)".*} (\d+)$/gm);
    const counts: Record<string, number> = {};
    for (const [, method = "", count] of lines) counts[method] = Number(count);
    return counts;
  }

  /** How many calls etcd gets to read and write while something is done. */
  async function roundTrips(work: () => Promise<unknown>): Promise<number> {
    const sum = ({ Range = 0, Txn = 0, Put = 0, DeleteRange = 0 }: Record<string, number>) =>
      Range + Txn + Put + DeleteRange;
    const before = sum(await calls());
    await work();
    return sum(await calls()) - before;
  }

  describe("hosts of a service", () => {
    test("are all found, sorted, with what they were registered with", async () => {
      const hosts = await discovery.get("private").all();
      const uuids = hosts.map(({ uuid }) => uuid);
      expect(uuids).toEqual([...uuids].sort());
      expect(hosts.map(({ shard }) => shard).sort()).toEqual(["a", "b", "c"]);
      const a = hosts.find(({ shard }) => shard === "a");
      expect(a?.url()).toBe("http://a.dev:80");
      expect(a?.privateUrl("http", "/x")).toBe("http://a.dev:8080/x");
      expect(hosts.find(({ shard }) => shard === "c")?.url()).toBe("https://[::1]:443");
    });

    test("are found one at random, or the first", async () => {
      const hosts = await discovery.get("private").all();
      const found = new Set<string>();
      for (let i = 0; i < 60; i += 1) found.add((await discovery.get("private").one()).uuid);
      expect(found.size).toBe(3);
      expect((await discovery.get("private").first()).uuid).toBe(hosts[0]?.uuid);
    });

    test("are found on their shard alone", async () => {
      const query = discovery.get("private", { shard: "b" });
      expect((await query.all()).map(({ hostname }) => hostname)).toEqual(["b.dev"]);
      expect(await query.url("http", "health")).toBe("http://b.dev:80/health");
      expect(await query.one().privateUrl()).toBe("http://b.dev:80");
      expect((await discovery.get("public", { shard: "a" }).first()).public).toBe(true);
    });

    test("are found though they drain, but not where others live", async () => {
      expect((await discovery.get("draining").all()).length).toBe(2);
      for (let i = 0; i < 10; i += 1) {
        expect((await discovery.get("draining").one()).hostname).toBe("stays.dev");
        expect(await discovery.get("draining").url()).toBe("http://stays.dev:80");
      }
      expect((await discovery.get("draining").first()).hostname).toBe("stays.dev");
    });

    test("are all found where there are more than fit one page", async () => {
      const hosts = await discovery.get("many").all();
      expect(hosts.length).toBe(many);
      expect(new Set(hosts.map(({ weight }) => weight)).size).toBe(many);
      const uuids = hosts.map(({ uuid }) => uuid);
      expect(uuids).toEqual([...uuids].sort());
      expect((await discovery.get("many").first()).uuid).toBe(uuids[0]);
    });

    test("written by hand are found too", async () => {
      const host = await discovery.get("bare").one();
      expect({ uuid: host.uuid, ports: host.ports }).toEqual({
        uuid: "by-hand",
        ports: { http: "80" },
      });
      expect((await discovery.get("bare").service()).name).toBe("bare");
    });
  });

  describe("a service", () => {
    test("has a url, from its info if it is public, though no host of it lives", async () => {
      expect(await discovery.get("public").url("https", "a b")).toBe(
        "https://us%20er:p%40ss%2Fword@public.dev:443/a%20b",
      );
      expect(new URL(await discovery.get("public").url("amqp")).port).toBe("5672");
      expect(await discovery.get("left").url()).toBe("http://u:p@left.dev:80");
    });

    test("has its info, or its name alone", async () => {
      const info = await discovery.get("public").service();
      expect(info).toMatchObject({ name: "public", hostname: "public.dev", public: true });
      expect(info.password).toBe("p@ss/word");
      expect((await discovery.get("nobody").service()).name).toBe("nobody");
    });

    test("is listed if it has an info or a host, and as alive if it has a host", async () => {
      const alive = ["bare", "draining", "many", "private", "public"];
      expect(await discovery.services({ alive: true })).toEqual(alive);
      expect(await discovery.services()).toEqual([...alive, "asleep", "left"].sort());
    });
  });

  test.each<[string, string, () => Promise<unknown>]>([
    ["all hosts of no service", "SERVICE_NOT_FOUND", () => discovery.get("nobody").all()],
    ["a host of no service", "SERVICE_NOT_FOUND", () => discovery.get("nobody").one()],
    ["a url of no service", "SERVICE_NOT_FOUND", () => discovery.get("nobody").url()],
    ["all hosts of one without hosts", "NO_HOST_FOUND", () => discovery.get("left").all()],
    ["the first host of one without hosts", "NO_HOST_FOUND", () => discovery.get("left").first()],
    [
      "the url of a host of one without hosts",
      "NO_HOST_FOUND",
      () => discovery.get("left").one().url(),
    ],
    ["a url of a private one without hosts", "NO_HOST_FOUND", () => discovery.get("asleep").url()],
    [
      "hosts on a shard that has none",
      "NO_HOST_FOUND_ON_SHARD",
      () => discovery.get("private", { shard: "z" }).all(),
    ],
    [
      "a url on a shard that has none",
      "NO_HOST_FOUND_ON_SHARD",
      () => discovery.get("public", { shard: "z" }).url(),
    ],
    ["a port that no host has", "UNKNOWN_SCHEME", () => discovery.get("private").url("ftp")],
    [
      "a port that the info does not have",
      "UNKNOWN_SCHEME",
      () => discovery.get("public").url("ftp"),
    ],
    [
      "a port that this host does not have",
      "UNKNOWN_SCHEME",
      () => discovery.get("bare").one().url("ftp"),
    ],
  ])("asking for %s fails with %s", async (_, code, ask) => {
    await expect(ask()).rejects.toMatchObject({ name: "DiscoveryError", code, retryable: false });
  });

  const oneRoundTrip = "its calls are not counted, and info and hosts are two";
  describe.runIf(appliesTo(etcdApi, 3, "what asking costs", oneRoundTrip))("asking costs", () => {
    test.each<[number, string, () => Promise<unknown>]>([
      [0, "to make a query", async () => discovery.get("private")],
      [1, "for all hosts", () => discovery.get("private").all()],
      [1, "for one", () => discovery.get("private").one()],
      [1, "for the url of one", () => discovery.get("private").one().url()],
      [1, "for the first", () => discovery.get("private").first()],
      [1, "for the url of a public service", () => discovery.get("public").url()],
      [1, "for the url of a private service", () => discovery.get("private").url()],
      [1, "on a shard", () => discovery.get("private", { shard: "a" }).url()],
      [1, "for the info", () => discovery.get("public").service()],
      [
        1,
        "for what is not there",
        () =>
          discovery
            .get("nobody")
            .all()
            .catch(() => {}),
      ],
      [2, "for the names of services of two pages", () => discovery.services({ alive: true })],
      [2, "for a service of two pages", () => discovery.get("many").all()],
    ])("%i round trips %s", async (count, _, ask) => {
      expect(await roundTrips(ask)).toBe(count);
    });
  });

  test("lookups that go on at the same time share one connection", async () => {
    await using other = new Discovery({ api, endpoints: etcd.endpoints });
    await other.services();
    const names = ["public", "private", "draining", "bare"];
    const found = await Promise.all(
      Array.from({ length: 200 }, (_, i) => other.get(names[i % names.length] ?? "").all()),
    );
    expect(found.map(({ length }) => length).slice(0, 4)).toEqual([2, 3, 2, 1]);
  });
});
