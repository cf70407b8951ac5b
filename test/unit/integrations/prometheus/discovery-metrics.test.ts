import { channel } from "node:diagnostics_channel";
import {
  Counter,
  type OpenMetricsContentType,
  register as globalRegistry,
  Registry,
} from "prom-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Discovery, type RpcEvent } from "../../../../src/index.ts";
import { discoveryMetrics, metricsHandler } from "../../../../src/integrations/prometheus/index.ts";
import { rpcMethods } from "../../../../src/integrations/prometheus/rpc-metrics.ts";
import * as methods from "../../../../src/store/etcd3/methods.ts";
import { rpcName } from "../../../../src/store/etcd3/reported-channel.ts";
import {
  type ManualClock,
  manualClock,
  type MemoryStore,
  memoryStore,
} from "../../../../src/testing/index.ts";
import { ask, bearer } from "../../../support/asked.ts";
import { hostValue } from "../../../support/host-value.ts";
import { series } from "../../../support/scrape.ts";

let clock: ManualClock;
let store: MemoryStore;
let discovery: Discovery;

beforeEach(() => {
  clock = manualClock();
  store = memoryStore({ clock });
  discovery = new Discovery({ store, ttlSeconds: 5 });
});

afterEach(async () => {
  store.outage(false);
  await discovery.close();
});

const host = {
  hostname: "x.dev",
  ports: { http: 80 },
  public: true,
  user: "u",
  password: "secret",
};

const named = (name: string, labels = "") => `etcd_discovery_${name}${labels}`;

/** A request to etcd, as a driver tells of it. */
function tell(rpc: Partial<RpcEvent>): void {
  channel("etcd-discovery:rpc").publish({
    ...{ discovery: discovery.id, method: "KV/Range", code: "OK" },
    ...{ durationMs: 1, endpoint: "http://a:1", stream: false },
    ...rpc,
  });
}

describe("the metrics of a discovery", () => {
  it("that was not used yet are all there, and closed sets begin at 0", async () => {
    using metrics = discoveryMetrics(discovery);
    const text = await metrics.registry.metrics();
    const kinds = Array.from(
      text.matchAll(/^# TYPE etcd_discovery_(\S+) (\S+)$/gm),
      ([, name, type]) => [name, type].join(" "),
    );
    expect(kinds).toEqual([
      "build_info gauge",
      "etcd_reachable gauge",
      "etcd_answer_age_seconds gauge",
      "etcd_revision gauge",
      "registrations gauge",
      "lease_ttl_seconds gauge",
      "lease_age_seconds gauge",
      "lease_remaining_seconds gauge",
      "mirror_revision gauge",
      "mirror_hosts gauge",
      "mirror_stale_seconds gauge",
      "resyncs_total counter",
      "drift_repaired_total counter",
      "picks_total counter",
      "ejections_total counter",
      "ejected gauge",
      "stalls_total counter",
      "rpcs_total counter",
      "rpc_duration_seconds histogram",
    ]);
    const all = series(text);
    expect([...all.keys()].filter((name) => !name.includes("build_info"))).toEqual([
      named("etcd_reachable"),
      named("etcd_revision"),
      ...["registering", "registered", "lost", "draining", "unhealthy"].map((state) =>
        named("registrations", `{state="${state}"}`),
      ),
      ...["compacted", "replaced", "refused", "drift"].map((reason) =>
        named("resyncs_total", `{reason="${reason}"}`),
      ),
      named("drift_repaired_total"),
      named("stalls_total"),
    ]);
    expect(
      [...all.entries()].filter(([name, value]) => !/build_info|stalls/.test(name) && value !== 0),
    ).toEqual([]);
    expect(text).toContain('etcd_discovery_build_info{version="');
  });

  it("show what is registered, followed, picked and ejected, and tell no host, uuid or password", async () => {
    using metrics = discoveryMetrics(discovery);
    const { uuid } = discovery.register("own", host);
    for (const id of ["a", "b"]) store.put("api", { kind: "host", id }, hostValue("api", id));
    const pool = discovery.live("api");
    await clock.advance(2_000);
    for (let picks = 0; picks < 5; picks += 1) pool.pick();
    pool.begin().end("unreachable");
    const text = await metrics.registry.metrics();
    // As often as it is asked; only this process may have stood still meanwhile.
    const rest = (all: string) => all.replace(/^etcd_discovery_stalls_total .*$/m, "");
    expect(rest(await metrics.registry.metrics())).toBe(rest(text));
    const now = series(text);
    const { revision } = discovery.health().services[0] ?? {};
    expect(Object.fromEntries(now)).toMatchObject({
      [named("etcd_reachable")]: 1,
      [named("etcd_answer_age_seconds")]: expect.any(Number) as number,
      [named("registrations", '{state="registered"}')]: 1,
      [named("registrations", '{state="registering"}')]: 0,
      [named("lease_ttl_seconds")]: 5,
      [named("lease_age_seconds")]: 2,
      [named("lease_remaining_seconds")]: (discovery.health().lease?.remainingMs ?? 0) / 1_000,
      [named("mirror_revision", '{service="api"}')]: revision,
      [named("mirror_hosts", '{service="api"}')]: 2,
      [named("mirror_stale_seconds", '{service="api"}')]: 0,
      [named("picks_total", '{service="api"}')]: 6,
      [named("ejections_total", '{service="api"}')]: 1,
      [named("ejected", '{service="api"}')]: 1,
    });
    for (const secret of ["secret", uuid, "x.dev", "a.dev", "b.dev"]) {
      expect(text).not.toContain(secret);
    }
  });

  it("show an outage, and what has gone is not shown any longer", async () => {
    using metrics = discoveryMetrics(discovery);
    discovery.register("own", host);
    const subscription = discovery.subscribe("api");
    await clock.advance(1_000);
    await metrics.registry.metrics();
    store.outage(true);
    await clock.advance(8_000);
    const away = series(await metrics.registry.metrics());
    expect(away.get(named("etcd_reachable"))).toBe(0);
    expect(away.get(named("etcd_answer_age_seconds"))).toBe(8);
    expect(away.get(named("registrations", '{state="lost"}'))).toBe(1);
    expect(away.get(named("mirror_stale_seconds", '{service="api"}'))).toBe(8);
    expect(away.has(named("lease_age_seconds"))).toBe(false);
    await subscription.return?.();
    const after = series(await metrics.registry.metrics());
    expect(after.has(named("mirror_stale_seconds", '{service="api"}'))).toBe(false);
  });

  it("count requests to etcd of this discovery alone, by method and code, and time those that are no streams", async () => {
    using metrics = discoveryMetrics(discovery);
    tell({ durationMs: 3 });
    tell({ durationMs: 0.4 });
    tell({ code: "UNAVAILABLE", durationMs: 6_000 });
    tell({ method: "Watch/Watch", code: "CANCELLED", durationMs: 1_000_000, stream: true });
    tell({ discovery: "another" });
    const now = series(await metrics.registry.metrics());
    const rpcs = [...now].filter(([name]) => name.includes("rpcs_total"));
    expect(Object.fromEntries(rpcs)).toEqual({
      [named("rpcs_total", '{method="KV/Range",code="OK"}')]: 2,
      [named("rpcs_total", '{method="KV/Range",code="UNAVAILABLE"}')]: 1,
      [named("rpcs_total", '{method="Watch/Watch",code="CANCELLED"}')]: 1,
    });
    const buckets = [...now].filter(([name]) => name.includes("_bucket"));
    expect(buckets.map(([name, count]) => [/le="([^"]+)"/.exec(name)?.[1], count])).toEqual([
      ["0.0005", 1],
      ["0.001", 1],
      ["0.0025", 1],
      ["0.005", 2],
      ["0.01", 2],
      ["0.025", 2],
      ["0.05", 2],
      ["0.1", 2],
      ["0.25", 2],
      ["0.5", 2],
      ["1", 2],
      ["2.5", 2],
      ["5", 2],
      ["+Inf", 3],
    ]);
    expect(now.get(named("rpc_duration_seconds_sum", '{method="KV/Range"}'))).toBeCloseTo(6.0034);
    expect([...now.keys()].some((name) => /duration.*Watch/.test(name))).toBe(false);
  });

  it.each([2, 3] as const)("of API %s have the methods of it from the beginning", async (api) => {
    await using ofEtcd = new Discovery({ api, endpoints: ["http://127.0.0.1:1"] });
    using metrics = discoveryMetrics(ofEtcd);
    const now = series(await metrics.registry.metrics());
    const rpcs = [...now].filter(([name]) => name.includes("rpcs_total"));
    const expected = rpcMethods[api].flatMap((method) =>
      ["OK", "UNAVAILABLE", "DEADLINE_EXCEEDED"].map((code) => [
        named("rpcs_total", `{method="${method}",code="${code}"}`),
        0,
      ]),
    );
    expect(rpcs).toEqual(expected);
  });

  it("know every method that the driver calls", () => {
    const called = Object.values(methods).map(({ path }) => rpcName(path));
    // Written by hand, in tests, alone.
    expect([...rpcMethods[3], "KV/Put"].toSorted()).toEqual(called.toSorted());
  });

  it("ask for the health once a scrape", async () => {
    let asked = 0;
    const health = discovery.health.bind(discovery);
    discovery.health = () => {
      asked += 1;
      return health();
    };
    using metrics = discoveryMetrics(discovery);
    asked = 0;
    await metrics.registry.metrics();
    await metrics.registry.metrics();
    expect(asked).toBe(2);
  });
});

describe("the registry", () => {
  it("is one of their own, and never the global one", async () => {
    using metrics = discoveryMetrics(discovery);
    expect(metrics.registry).not.toBe(globalRegistry);
    expect(globalRegistry.getMetricsAsArray()).toEqual([]);
  });

  it("may be given, keeps what else is in it, and has room for one discovery", async () => {
    const registry = new Registry();
    const own = new Counter({ name: "own_total", help: "Own.", registers: [registry] });
    own.inc();
    const metrics = discoveryMetrics(discovery, { registry });
    expect(metrics.registry).toBe(registry);
    expect(() => discoveryMetrics(discovery, { registry })).toThrow(
      /^registry: has a metric etcd_discovery_build_info already; a registry is for one discovery$/,
    );
    expect(series(await registry.metrics()).get("own_total")).toBe(1);
    metrics.close();
    metrics.close();
    tell({});
    expect([...series(await registry.metrics()).keys()]).toEqual(["own_total"]);
    expect(channel("etcd-discovery:rpc").hasSubscribers).toBe(false);
    discoveryMetrics(discovery, { registry }).close();
  });

  it("may write OpenMetrics", async () => {
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const metrics = discoveryMetrics(discovery, { registry });
    const { status, type, body } = await ask(metricsHandler(metrics));
    expect([status, type]).toEqual([200, Registry.OPENMETRICS_CONTENT_TYPE]);
    expect(body).toContain('etcd_discovery_resyncs_total{reason="drift"} 0\n');
    expect(body).toMatch(/# EOF\n$/);
    metrics.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  it.each([
    ["discovery", () => discoveryMetrics({} as Discovery)],
    ["discovery", () => discoveryMetrics(undefined as never)],
    ["registry", () => discoveryMetrics(discovery, { registry: {} as Registry })],
    ["registri", () => discoveryMetrics(discovery, { registri: new Registry() } as object)],
  ])("is checked, and so is the rest: %s", (name, make) => {
    expect(make).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }) as Error);
    expect(make).toThrow(new RegExp(`^${name}`));
  });
});

describe("the handler of metrics", () => {
  it("answers a scrape with the content type that Prometheus wants", async () => {
    using metrics = metricsHandler(discovery);
    const answer = await ask(metrics);
    expect(answer).toMatchObject({
      status: 200,
      type: "text/plain; version=0.0.4; charset=utf-8",
      headers: { "cache-control": "no-store" },
    });
    expect(series(answer.body).get(named("etcd_reachable"))).toBe(0);
  });

  it("answers HEAD without a body, and no other method", async () => {
    using metrics = metricsHandler(discovery);
    const [get, head] = [await ask(metrics), await ask(metrics, { method: "HEAD" })];
    expect(head).toMatchObject({ status: 200, body: "" });
    expect(head.headers["content-length"]).toBe(get.headers["content-length"]);
    const post = await ask(metrics, { method: "POST" });
    expect(post).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } });
  });

  it("wants the token that it was given, and tells nothing to others", async () => {
    using metrics = metricsHandler(discovery, { token: "t0ken" });
    for (const headers of [
      {},
      bearer("t0ke"),
      bearer("t0kens"),
      bearer("T0KEN"),
      { authorization: "Bearer" },
      { authorization: "Bearer " },
      { authorization: "Basic dDBrZW46" },
      { authorization: "t0ken" },
    ]) {
      const answer = await ask(metrics, { headers });
      expect(answer).toMatchObject({
        status: 401,
        headers: { "www-authenticate": 'Bearer realm="etcd-discovery"' },
      });
      expect(answer.body).not.toMatch(/etcd_discovery_|t0ken/i);
    }
    for (const headers of [bearer("t0ken"), { authorization: "bearer   t0ken" }]) {
      expect((await ask(metrics, { headers })).status).toBe(200);
    }
  });

  it.each(["", " ", "two words", "tschüss", "line\nbreak", 7])(
    "refuses %j as a token without showing it",
    (token) => {
      const make = () => metricsHandler(discovery, { token: token as string });
      expect(make).toThrow(/^token: must/);
      if (token !== "" && token !== " ") expect(make).not.toThrow(String(token));
    },
  );

  it("answers 500 when a metric of somebody else throws, tells why, and not to whoever asked", async () => {
    const registry = new Registry();
    const thrown = new Error("secret");
    const broken = new Counter({
      ...{ name: "broken_total", help: "Broken.", registers: [registry] },
      collect() {
        throw thrown;
      },
    });
    const errors: unknown[] = [];
    using metrics = metricsHandler(discovery, { registry, onError: (error) => errors.push(error) });
    const answer = await ask(metrics);
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain("secret");
    expect(errors).toEqual([thrown]);
    registry.removeSingleMetric("broken_total");
    expect(broken).toBeDefined();
    expect((await ask(metrics)).status).toBe(200);
  });

  it("takes off what it has made, and only that", () => {
    const made = metricsHandler(discovery);
    made.close();
    expect(made.registry.getMetricsAsArray()).toEqual([]);
    using metrics = discoveryMetrics(discovery);
    metricsHandler(metrics).close();
    expect(metrics.registry.getMetricsAsArray().length).toBeGreaterThan(10);
    const { registry } = metrics;
    expect(() => metricsHandler(metrics, { registry })).toThrow(
      /^registry: cannot be given beside/,
    );
    expect(() => metricsHandler(undefined as never)).toThrow(/^discovery: must be a Discovery/);
    expect(() => metricsHandler(discovery, { onError: 1 as never })).toThrow(/^onError: must be/);
  });
});
