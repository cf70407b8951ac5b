import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { doctor } from "../support/doctor.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { runCommand } from "../support/run-command.ts";
import { SilentServer } from "../support/silent-server.ts";

const password = "do-not-show-me";
let etcd: EtcdCluster;
let discovery: Discovery;

beforeAll(async () => {
  etcd = await startEtcd();
  discovery = new Discovery({ endpoints: etcd.endpoints });
  const shop = discovery.register("shop", {
    hostname: "shop.example.org",
    privateHostname: "node-1.internal",
    ports: { http: 8080 },
    public: true,
    critical: true,
    user: "shop",
    password,
  });
  const till = discovery.register("till", {
    privateHostname: "node-2.internal",
    ports: { http: 80 },
  });
  await Promise.all([shop.waitRegistration(), till.waitRegistration()]);
});

afterAll(async () => {
  await discovery.close();
  await etcd.stop();
});

/** Every check there is, in the order in which they are told. */
const checks = [
  ...["endpoint", "tls", "latency", "clock"],
  ...["versions", "members", "leader", "alarms", "space"],
  ...["sign-in", "rights"],
  ...["api", "malformed", "strangers", "names", "duplicates", "infos", "services"],
  ...["local-addresses", "lifetime", "keepalive"],
];

test("where all is well every check says so, as a JSON line, and the exit status is 0", async () => {
  const before = await new RawEtcd(etcd).list("/");
  const { code, findings, of, stderr, stdout, wrong } = await doctor([
    "--endpoints",
    etcd.endpoint,
  ]);
  // A machine that is busy is slow.
  expect(wrong.filter((line) => !line.startsWith("warning latency"))).toEqual([]);
  expect([code, stderr]).toEqual([0, ""]);
  expect([...new Set(findings.map(({ check }) => check))]).toEqual(checks);
  expect(of("endpoint")).toEqual([`ok ${etcd.endpoint}: answers, etcd ${etcd.version}`]);
  expect(of("sign-in")).toEqual([expect.stringContaining("asks for no user")]);
  expect(of("rights").map((line) => line.replace(/: granted, in .*/, ""))).toEqual([
    ...["read", "watch", "write"].map((kind) => `ok ${kind} /services/`),
    ...["read", "watch", "write"].map((kind) => `ok ${kind} /services_infos/`),
    "ok leases",
  ]);
  expect(of("api")).toEqual(["ok: 4 records under API 3; API 2 is not served"]);
  expect(of("malformed")).toEqual(["ok: 2 hosts and 2 infos, all of them in good form"]);
  expect(of("space")[0]).toMatch(/its limit is \d+\.\d MB$/);
  expect(of("keepalive")[0]).toMatch(/^ok: 1 lease, the one renewed longest ago \d s ago, of 5 s$/);
  expect(stdout).not.toContain(password);
  // It has looked and left nothing.
  expect(await new RawEtcd(etcd).list("/")).toEqual(before);
  expect(await new RawEtcd(etcd).leases()).toHaveLength(1);
});

test("on a terminal it draws lines in groups, with marks, and says at the end what it came to", async () => {
  await using run = runCommand(["doctor", "--endpoints", etcd.endpoint], { terminal: 100 });
  const { code, stdout } = await run.ended;
  const plain = stripVTControlCharacters(stdout).replaceAll("\r", "");
  expect(plain).toMatch(/^Endpoints\n {2}✓ Endpoint http:\S+: answers, etcd 3\.\d+\.\d+\n/);
  for (const title of ["Cluster", "Access", "Records"])
    expect(plain).toContain(`\n\n${title}\n  ✓`);
  expect(plain).toMatch(/\n\n.*; \d+ looked at and fine\.\n$/);
  expect(stdout).toContain("\u001b[32m✓\u001b[39m");
  expect(stdout).not.toContain(password);
  expect(code).toBe(0);
});

test("some services alone can be looked at", async () => {
  const { code, of } = await doctor(["--endpoints", etcd.endpoint, "shop"]);
  expect(of("malformed")).toEqual(["ok: 1 host and 1 info, all of them in good form"]);
  expect(of("rights").map((line) => line.replace(/: granted, in .*/, ""))).toContain(
    "ok write /services_infos/shop",
  );
  expect(code).toBe(0);
});

test("of many services, too, without a word on standard error", async () => {
  const services = Array.from({ length: 20 }, (_, index) => `service-${index}`);
  const { code, findings, stderr } = await doctor(["--endpoints", etcd.endpoint, ...services]);
  expect(findings.filter(({ check }) => check === "rights")).toHaveLength(121);
  expect([code, stderr]).toEqual([0, ""]);
});

test("wrong usage is exit status 2", async () => {
  for (const args of [["a/b"], ["--strictly"], ["--endpoints", "ftp://127.0.0.1"]]) {
    const { code, findings, stderr } = await doctor(args);
    expect([code, findings]).toEqual([2, []]);
    expect(stderr).toMatch(/^error: /);
  }
});

test("Ctrl-C ends it by the signal, whatever it waits for", async () => {
  await using silent = await SilentServer.start();
  const args = ["doctor", "--json", "--timeout", "20s", "--endpoints", silent.origin];
  await using run = runCommand(args);
  await silent.connected;
  run.kill("SIGINT");
  expect(await run.ended).toMatchObject({ code: null, signal: "SIGINT", stdout: "" });
});
