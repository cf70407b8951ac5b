import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { expect, inject, test } from "vitest";
import { Discovery } from "../../../src/index.ts";
import { httpSdHandler, metricsHandler } from "../../../src/integrations/prometheus/index.ts";
import { startEtcd } from "../../../src/testing/index.ts";
import { eventually } from "../../support/eventually.ts";
import { type ActiveTarget, promtool, startPrometheus } from "../../support/prometheus.ts";
import { findPrometheus } from "../../support/prometheus-binary.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const token = "a-token-of-the-test";

/** Fetching the package takes a while, the first time. */
const fetchMs = 300_000;

test(
  "promtool finds no fault with the metrics",
  async ({ skip }) => {
    const binary = await findPrometheus();
    if (typeof binary === "string") {
      console.log(`not tested with promtool: ${binary}`);
      return skip(binary);
    }
    const endpoints = [inject("etcd")];
    await using discovery = new Discovery({ endpoints, prefix: `/metrics-${randomUUID()}` });
    using metrics = metricsHandler(discovery);
    const odd = `odd "name" \\ of ü`;
    await discovery
      .register(odd, { privateHostname: "x.dev", ports: { http: 1 } })
      .waitRegistration();
    const pool = discovery.live(odd);
    await pool.waitReady();
    pool.begin().end("unreachable");
    const text = await metrics.registry.metrics();
    expect(text).toContain('picks_total{service="odd \\"name\\" \\\\ of ü"} 1');
    expect(text).toContain("rpc_duration_seconds_bucket");
    // It prints what it would have otherwise, and fails for some of it only.
    expect(promtool(binary, ["check", "metrics"], text)).toBe("");
    expect(() => promtool(binary, ["check", "metrics"], `${text}broken{ 1\n`)).toThrow(/promtool/);
  },
  fetchMs,
);

test(
  "a real Prometheus scrapes the metrics, finds its targets, and keeps them while etcd is away",
  async ({ skip }) => {
    const binary = await findPrometheus();
    if (typeof binary === "string") {
      console.log(`not tested with Prometheus: ${binary}`);
      return skip(binary);
    }
    await using etcd = await startEtcd();
    await using discovery = new Discovery({ endpoints: etcd.endpoints, ttlSeconds: 2 });
    using metrics = metricsHandler(discovery, { token });
    await using targets = httpSdHandler(discovery, { token, labels: ["zone"] });
    let asked = 0;
    const server = createServer((request, response) => {
      if (request.url === "/metrics") metrics(request, response);
      else if (request.url === "/http_sd") {
        asked += 1;
        targets(request, response);
      } else response.writeHead(404).end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await using listening = {
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        server.close();
      },
    };
    expect(listening).toBeDefined();
    const { port } = server.address() as AddressInfo;
    const service = "api";
    const registration = discovery.register(service, {
      ...{ privateHostname: "127.0.0.1", ports: { http: port } },
      ...{ shard: "shard-0", user: "ann", password: "secret", metadata: { zone: "eu-1" } },
    });
    await registration.waitRegistration();

    await using folder = await temporaryFolder();
    const secret = join(folder.path, "token");
    await writeFile(secret, `${token}\n`);
    const authorization = { type: "Bearer", credentials_file: secret };
    const url = `http://127.0.0.1:${port}/http_sd`;
    const relabel_configs = [
      { source_labels: ["__meta_etcd_discovery_service"], target_label: "service" },
      { source_labels: ["__meta_etcd_discovery_metadata_zone"], target_label: "zone" },
    ];
    await using prometheus = await startPrometheus(binary, {
      global: { scrape_interval: "300ms", scrape_timeout: "300ms" },
      scrape_configs: [
        {
          ...{ job_name: "found", authorization, relabel_configs },
          http_sd_configs: [{ url, refresh_interval: "300ms", authorization }],
        },
        {
          job_name: "stranger",
          http_sd_configs: [{ url, refresh_interval: "300ms" }],
          static_configs: [{ targets: [`127.0.0.1:${port}`] }],
        },
      ],
    });
    const active = async (): Promise<readonly ActiveTarget[]> =>
      (await prometheus.api<{ activeTargets: ActiveTarget[] }>("/api/v1/targets")).activeTargets;

    const [found, stranger] = await eventually(
      async () => {
        const all = await active();
        const one = all.find(({ scrapePool }) => scrapePool === "found");
        const other = all.find(({ scrapePool }) => scrapePool === "stranger");
        expect([one?.health, other?.health]).toEqual(["up", "down"]);
        expect(all.length).toBe(2);
        return [one, other];
      },
      20_000,
      100,
    );
    expect(found?.scrapeUrl).toBe(`http://127.0.0.1:${port}/metrics`);
    expect(found?.labels).toEqual({
      ...{ job: "found", instance: `127.0.0.1:${port}` },
      ...{ service, zone: "eu-1" },
    });
    expect(found?.discoveredLabels).toMatchObject({
      __meta_etcd_discovery_uuid: registration.uuid,
      __meta_etcd_discovery_shard: "shard-0",
      __meta_etcd_discovery_draining: "false",
    });
    expect(JSON.stringify(found)).not.toMatch(/secret|ann/);
    expect(stranger?.lastError).toContain("401");

    const value = async (query: string): Promise<number> => {
      const { result } = await prometheus.api<{ result: { value: [number, string] }[] }>(
        `/api/v1/query?query=${encodeURIComponent(query)}`,
      );
      return Number(result[0]?.value[1]);
    };
    const becomes = (query: string, expected: number) =>
      eventually(async () => expect(await value(query)).toBe(expected), 20_000, 100);
    await becomes('etcd_discovery_registrations{state="registered"}', 1);
    await becomes('sum(etcd_discovery_mirror_hosts{exported_service="api"})', 1);
    await becomes("sum(etcd_discovery_rpcs_total) > bool 0", 1);

    await etcd.kill();
    await becomes("etcd_discovery_etcd_reachable", 0);
    const listed = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    expect([listed.status, ((await listed.json()) as unknown[]).length]).toEqual([200, 1]);
    // Prometheus takes over new lists every 5 s.
    const before = asked;
    await eventually(() => expect(asked).toBeGreaterThan(before + 20), 20_000, 50);
    const kept = (await active()).filter(({ scrapePool }) => scrapePool === "found");
    expect(kept.map(({ health, scrapeUrl }) => [health, scrapeUrl])).toEqual([
      ["up", `http://127.0.0.1:${port}/metrics`],
    ]);

    await etcd.restart();
    await becomes("etcd_discovery_etcd_reachable", 1);
    await becomes('etcd_discovery_registrations{state="registered"}', 1);
    await registration.unregister();
    await eventually(
      async () => {
        const left = (await active()).filter(({ scrapePool }) => scrapePool === "found");
        expect(left).toEqual([]);
      },
      20_000,
      100,
    );
  },
  fetchMs,
);
