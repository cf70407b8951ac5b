import { describe, expect, test } from "vitest";
import { Discovery } from "../../../src/index.ts";
import { httpSdHandler, metricsHandler } from "../../../src/integrations/prometheus/index.ts";
import { apis } from "../../support/apis.ts";
import { ask } from "../../support/asked.ts";
import { eventually } from "../../support/eventually.ts";
import { series } from "../../support/scrape.ts";

describe.each(apis)("etcd v$api", ({ api, start }) => {
  test("metrics tell that it is away and back, and the list of targets is kept meanwhile", async () => {
    await using etcd = await start();
    await using discovery = new Discovery({
      ...{ api, endpoints: etcd.endpoints },
      ...{ ttlSeconds: 2, timeoutMs: 1_000 },
    });
    const host = { privateHostname: "node.internal.dev", ports: { http: 9100 } };
    using metrics = metricsHandler(discovery);
    await using targets = httpSdHandler(discovery);
    await discovery.register("api", host).waitRegistration();
    const now = async () => {
      const all = series((await ask(metrics)).body);
      return (name: string) => all.get(`etcd_discovery_${name}`);
    };
    const listed = async () => {
      const { body, status } = await ask(targets);
      const groups = JSON.parse(body) as { targets: string[] }[];
      return [status, ...groups.flatMap((group) => group.targets)];
    };
    await eventually(async () => expect(await listed()).toEqual([200, "node.internal.dev:9100"]));
    await eventually(async () => {
      const value = await now();
      expect(value("etcd_reachable")).toBe(1);
      expect(value('registrations{state="registered"}')).toBe(1);
      expect(value("lease_remaining_seconds")).toBeGreaterThan(0);
      expect(value('mirror_hosts{service="api"}')).toBe(1);
      expect(value('mirror_stale_seconds{service="api"}')).toBe(0);
    });
    const write = api === 3 ? "KV/Txn" : "Keys/Put";
    const before = await now();
    expect(before(`rpcs_total{method="${write}",code="OK"}`)).toBeGreaterThan(0);
    expect(before(`rpc_duration_seconds_count{method="${write}"}`)).toBeGreaterThan(0);

    await etcd.kill();
    await eventually(async () => {
      const value = await now();
      expect(value("etcd_reachable")).toBe(0);
      expect(value("etcd_answer_age_seconds")).toBeGreaterThan(2);
      // The lease is over, and so is the record, as soon as etcd is back.
      expect(value('registrations{state="lost"}')).toBe(1);
      expect(value('mirror_stale_seconds{service="api"}')).toBeGreaterThan(2);
    }, 10_000);
    expect(await listed()).toEqual([200, "node.internal.dev:9100"]);

    await etcd.restart();
    await eventually(async () => {
      const value = await now();
      expect(value("etcd_reachable")).toBe(1);
      expect(value('registrations{state="registered"}')).toBe(1);
      expect(value('mirror_stale_seconds{service="api"}')).toBe(0);
    }, 15_000);
    await eventually(async () => expect(await listed()).toEqual([200, "node.internal.dev:9100"]));
  }, 60_000);

  test("nothing is listed before etcd has told anything", async () => {
    const etcd = await start();
    await using stopped = { [Symbol.asyncDispose]: () => etcd.stop() };
    expect(stopped).toBeDefined();
    await etcd.kill();
    await using discovery = new Discovery({ api, endpoints: etcd.endpoints, timeoutMs: 500 });
    await using targets = httpSdHandler(discovery);
    await eventually(() => expect(discovery.health().etcd.lastError).toBeDefined());
    expect((await ask(targets)).status).toBe(503);
    await etcd.restart();
    await eventually(async () => {
      const { body, status } = await ask(targets);
      expect([status, body]).toEqual([200, "[]"]);
    }, 15_000);
  }, 60_000);
});
