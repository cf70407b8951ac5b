import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { rpcMethods } from "../../src/integrations/prometheus/rpc-metrics.ts";
import { Discovery } from "../../src/index.ts";
import { discoveryMetrics, httpSdHandler } from "../../src/integrations/prometheus/index.ts";
import { memoryStore } from "../../src/testing/index.ts";
import { promtool } from "../support/prometheus.ts";
import { findPrometheus } from "../support/prometheus-binary.ts";

const root = join(import.meta.dirname, "../..");
let page = "";
let folder = "";

beforeAll(async () => {
  page = await readFile(join(root, "docs/metrics.md"), "utf8");
  // Inside the package, so that its own name leads to what was built of it.
  folder = join(root, ".cache", `doc-${randomUUID()}`);
  await mkdir(folder, { recursive: true });
});

afterAll(() => rm(folder, { recursive: true }));

/** The blocks of the page in a language. */
function blocks(language: string): string[] {
  const found = page.matchAll(new RegExp(`\`\`\`${language}[^\n]*\n(.*?)\`\`\``, "gs"));
  return Array.from(found, ([, code = ""]) => code);
}

test("the program of docs/metrics.md does what the page says", async () => {
  const program = blocks("js");
  expect(program.length).toBe(4);
  const [first = ""] = program;
  // A port that the system picks, and what Prometheus would see.
  const scraped = `
const { port } = await new Promise((resolve) => server.on("listening", () => resolve(server.address())));
for (const path of ["metrics", "http_sd", "other"]) {
  const ask = () => fetch(\`http://127.0.0.1:\${port}/\${path}\`, { headers: { authorization: "Bearer t0ken" } });
  let answer = await ask();
  while (answer.status === 503) answer = await ask();
  console.log(path, answer.status, answer.headers.get("content-type"));
}`;
  expect(first).toContain("listen(9464,");
  const whole = [first.replace("listen(9464,", "listen(0,"), scraped, ...program.slice(1)];
  const file = join(folder, "main.mjs");
  await writeFile(file, whole.join("\n"));
  const prefix = `/doc-${randomUUID()}`;
  const env = {
    ...process.env,
    ...{ ETCD_HOSTS: inject("etcd"), ETCD_PREFIX: prefix, METRICS_TOKEN: "t0ken" },
  };
  const { stderr, stdout } = await promisify(execFile)(process.execPath, [file], { env });
  expect(stderr).toBe("");
  expect(stdout.trim().split("\n")).toEqual([
    "metrics 200 text/plain; version=0.0.4; charset=utf-8",
    "http_sd 200 application/json",
    "other 404 null",
    "# HELP etcd_discovery_etcd_reachable Whether an etcd endpoint is in use (1) or none is (0).",
    "# TYPE etcd_discovery_etcd_reachable gauge",
    "etcd_discovery_etcd_reachable 1",
    "api registering, api registered",
  ]);
}, 60_000);

test("what is built knows its version", async () => {
  const file = join(folder, "version.mjs");
  await writeFile(
    file,
    `import { Discovery } from "etcd-discovery";
     import { discoveryMetrics } from "etcd-discovery/prometheus";
     const { registry } = discoveryMetrics(new Discovery());
     console.log(await registry.getSingleMetricAsString("etcd_discovery_build_info"));`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [file]);
  const manifest = await readFile(join(root, "package.json"), "utf8");
  const { version } = JSON.parse(manifest) as { version: string };
  expect(stdout).toContain(`etcd_discovery_build_info{version="${version}"} 1\n`);
});

test("the page names every metric, label and method, and no other", async () => {
  await using discovery = new Discovery({ store: memoryStore() });
  using metrics = discoveryMetrics(discovery);
  const { registry } = metrics;
  await using targets = httpSdHandler(discovery, { registry });
  expect(targets.counts.listed).toBe(0);
  const [table = ""] = /\| name .*?\n\n/s.exec(page) ?? [];
  const rows = table.matchAll(/^\| `(\w+)` +\| (.*?) \|/gm);
  const told = Array.from(rows, ([, name, labels = ""]) => [
    `etcd_discovery_${name}`,
    ...Array.from(labels.matchAll(/\w+/g), ([label]) => label),
  ]);
  const made = registry.getMetricsAsArray() as unknown as { name: string; labelNames: string[] }[];
  const by = (one: unknown[], other: unknown[]) => (String(one) < String(other) ? -1 : 1);
  expect(told.toSorted(by)).toEqual(
    made.map(({ name, labelNames }) => [name, ...labelNames]).toSorted(by),
  );
  for (const method of [...rpcMethods[2], ...rpcMethods[3]])
    expect(page).toContain(`\`${method}\``);
});

test("promtool finds no fault with the configuration and the alerts", async ({ skip }) => {
  const [config = "", rules = "", ...more] = blocks("yaml");
  expect(more).toEqual([]);
  const binary = await findPrometheus();
  if (typeof binary === "string") {
    console.log(`not tested with promtool: ${binary}`);
    return skip(binary);
  }
  const token = join(folder, "token");
  await writeFile(token, "t0ken");
  const [configFile, rulesFile] = [join(folder, "prometheus.yml"), join(folder, "rules.yml")];
  await writeFile(configFile, config.replaceAll("/etc/prometheus/metrics-token", token));
  await writeFile(rulesFile, rules);
  expect(promtool(binary, ["check", "config", configFile])).toContain("SUCCESS");
  expect(promtool(binary, ["check", "rules", rulesFile])).toMatch(/SUCCESS: 10 rules found/);
}, 300_000);
