import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, inject, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { bearer } from "../support/asked.ts";
import { ask } from "../support/dashboard.ts";
import { eventually } from "../support/eventually.ts";
import { promtool } from "../support/prometheus.ts";
import { findPrometheus } from "../support/prometheus-binary.ts";
import { type CommandRun, runCommand } from "../support/run-command.ts";
import { series } from "../support/scrape.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

const prefix = `/cli-ui-prometheus-${randomUUID()}`;

function start(...args: readonly string[]): CommandRun {
  const env = { ETCD_HOSTS: inject("etcd"), ETCD_PREFIX: prefix };
  const run = runCommand(["ui", "--port", "0", ...args], { env });
  undo.push(() => run[Symbol.asyncDispose]());
  return run;
}

test("etcd-discovery ui serves metrics that promtool finds no fault with, and the hosts as targets", async () => {
  const discovery = new Discovery({ endpoints: [inject("etcd")], prefix });
  undo.push(() => discovery.close());
  const host = {
    privateHostname: "node-1",
    ports: { http: 80 },
    user: "admin",
    password: "secret",
  };
  await discovery.register("api", host).waitRegistration();
  const [, url = ""] = await start().says(/^(http:\S+)$/m);
  await eventually(async () => {
    const { body, headers, status } = await ask(`${url}http_sd`);
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe("application/json");
    const groups = JSON.parse(body) as { targets: string[]; labels: Record<string, string> }[];
    expect(groups.map(({ targets }) => targets)).toEqual([["node-1:80"]]);
    expect(groups[0]?.labels).toMatchObject({ __meta_etcd_discovery_service: "api" });
    expect(body).not.toMatch(/secret|admin/);
  });
  const { body, headers } = await ask(`${url}metrics`);
  expect(headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
  const now = series(body);
  const manifest = await readFile(join(import.meta.dirname, "../../package.json"), "utf8");
  const { version } = JSON.parse(manifest) as { version: string };
  expect(now.get(`etcd_discovery_build_info{version="${version}"}`)).toBe(1);
  expect(now.get("etcd_discovery_etcd_reachable")).toBe(1);
  expect(now.get('etcd_discovery_mirror_hosts{service="api"}')).toBe(1);
  expect(now.get('etcd_discovery_http_sd_targets{result="listed"}')).toBe(1);
  expect(body).not.toMatch(/secret|admin|node-1/);

  const binary = await findPrometheus();
  if (typeof binary === "string") console.log(`not tested with promtool: ${binary}`);
  else expect(promtool(binary, ["check", "metrics"], body)).toBe("");
}, 300_000);

test("and wants the token for both where it asks for one", async () => {
  const folder = await temporaryFolder();
  undo.push(() => folder[Symbol.asyncDispose]());
  const file = join(folder.path, "token");
  const token = "a-token-of-some-length";
  await writeFile(file, token);
  const [, url = ""] = await start("--token-file", file).says(/^(http:\S+)$/m);
  for (const path of ["metrics", "http_sd"]) {
    const stranger = await ask(url + path, { headers: bearer("another-token-of-some-length") });
    expect(stranger.status).toBe(401);
    expect(stranger.body).not.toMatch(/etcd_discovery/);
    await eventually(async () =>
      expect((await ask(url + path, { headers: bearer(token) })).status).toBe(200),
    );
  }
});
