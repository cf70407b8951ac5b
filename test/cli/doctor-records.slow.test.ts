import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { doctor, hostJson } from "../support/doctor.ts";
import { etcdMetrics } from "../support/etcd-metrics.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { runCommand } from "../support/run-command.ts";

const secret = "do-not-show-me";
let etcd: EtcdCluster;
let raw: RawEtcd;

/** A lease that nobody renews, of each test's own: no longer than is well, and longer than a test. */
let lease: string;

beforeAll(async () => {
  etcd = await startEtcd();
  raw = new RawEtcd(etcd);
});

beforeEach(async () => {
  lease = await raw.grant(60);
});

afterEach(() => raw.deletePrefix("/"));

afterAll(() => etcd.stop());

/** What is wrong, without the endpoint's latency: a machine that is busy is slow. */
async function wrong(args: readonly string[] = []) {
  const diagnosis = await doctor(["--endpoints", etcd.endpoint, ...args]);
  expect(diagnosis.stdout + diagnosis.stderr).not.toContain(secret);
  const found = diagnosis.wrong.filter((line) => !line.startsWith("warning latency"));
  return { ...diagnosis, found };
}

const put = (service: string, uuid: string, fields: Readonly<Record<string, unknown>> = {}) =>
  raw.put(`/services/${service}/${uuid}`, hostJson(service, uuid, fields), lease);

const putInfo = (service: string, fields: Readonly<Record<string, unknown>> = {}) =>
  raw.put(
    `/services_infos/${service}`,
    JSON.stringify({ name: service, critical: false, ...fields }),
  );

test("records that cannot be read or used are named, with what is wrong and nothing of what is in them", async () => {
  await raw.put("/services/shop/not-json", `{"password":"${secret}"`, lease);
  await raw.put("/services/shop/a-list", `["${secret}"]`, lease);
  await put("shop", "no-port", { ports: { http: secret }, private_ports: { http: "8080" } });
  await put("shop", "bad-name", { name: `${secret} a`, private_hostname: `${secret} a` });
  await put("shop", "copied", { uuid: secret });
  await raw.put("/services_infos/shop", secret);
  const { code, found } = await wrong();
  expect(found).toEqual([
    'problem malformed info of service "shop": it is not JSON',
    'problem malformed host "a-list" of service "shop": it is JSON, but not an object',
    'problem malformed host "bad-name" of service "shop": its hostname is none',
    'warning malformed host "copied" of service "shop": its uuid is not that of its key',
    'problem malformed host "no-port" of service "shop": one of its ports is no number from 1 to 65535',
    'problem malformed host "not-json" of service "shop": it is not JSON',
  ]);
  expect(code).toBe(1);
});

test("two hosts of one service at one address are a problem, of two services worth a look", async () => {
  const here = { private_hostname: "node-1.internal", private_ports: { http: "80", https: "443" } };
  await put("shop", "a", here);
  await put("shop", "b", here);
  await put("till", "c", { ...here, private_ports: { http: "80" } });
  for (const service of ["shop", "till"]) await putInfo(service);
  const { code, found } = await wrong();
  expect(found).toEqual([
    'problem duplicates node-1.internal:80 of service "shop": it is that of 2 hosts: "a", "b"',
    'warning duplicates node-1.internal:80: it is that of "shop", "till"',
    'problem duplicates node-1.internal:443 of service "shop": it is that of 2 hosts: "a", "b"',
  ]);
  expect(code).toBe(1);
});

test("names that are taken for one another, and keys that are no records", async () => {
  for (const service of [
    "shop",
    "Shop",
    "till ",
    "till",
    "caf\u00e9",
    "cafe\u0301",
    "аpi",
    "api",
  ]) {
    await put(service, `host-${service.length}`);
    await putInfo(service);
  }
  await put("shop", "sub/host");
  await raw.put("/services/lonely", "{}", lease);
  await raw.put("/services_infos/a/b", "{}");
  const { code, found } = await wrong(["--strict"]);
  expect(found.filter((line) => line.includes(" names"))).toEqual([
    'warning names: "Shop", "shop" differ only in case',
    'warning names: "api", "\\u0430pi" differ only in characters that look alike or cannot be seen',
    'warning names: "cafe\\u0301", "caf\\u00e9" differ only in how accents are encoded',
    'warning names: "till", "till " differ only in white space at the ends',
    'warning names "till ": begins or ends in white space',
  ]);
  expect(found.filter((line) => line.includes(" strangers"))).toEqual([
    'warning strangers "/services/lonely": it ends where a host\'s id is due',
    'warning strangers "/services/shop/sub/host": it lies deeper than the hosts of "shop", as if a service were called "shop/sub"',
    'warning strangers "/services_infos/a/b": it lies deeper than the info of a service',
  ]);
  expect(code).toBe(1);
});

test("hosts that others cannot reach, and hosts that never expire", async () => {
  await put("shop", "loop", { name: "127.0.0.1", private_hostname: "127.0.0.1" });
  await put("shop", "any", { name: "0.0.0.0", private_hostname: "0.0.0.0" });
  await put("shop", "link", { name: "fe80::1", private_hostname: "fe80::1" });
  await raw.put("/services/shop/eternal", hostJson("shop", "eternal"));
  const long = await raw.grant(600);
  await raw.put("/services/shop/long", hostJson("shop", "long"), long);
  await putInfo("shop");
  const { code, found } = await wrong();
  expect(found).toEqual([
    // Everything is on one machine here; where etcd is on another one these are problems.
    'warning local-addresses host "any" of service "shop": it is at an unspecified address',
    'warning local-addresses host "link" of service "shop": it is at a link-local address',
    'warning local-addresses host "loop" of service "shop": it is at a loopback address',
    'problem lifetime host "eternal" of service "shop": it lives by no lease and never expires',
    'warning lifetime host "long" of service "shop": it stays listed for 600 s after its process has died',
  ]);
  expect(code).toBe(1);
});

test("infos that do not fit their hosts, and critical services without one", async () => {
  const face = { hostname: "shop.example.org", ports: { http: "80" }, public: true, user: "u" };
  const host = { public: true, user: "u", password: secret };
  await putInfo("shop", { ...face, password: secret });
  await put("shop", "a", { ...host, name: "other.example.org" });
  await put("shop", "b", { ...host, name: "other.example.org", password: `${secret}-too` });
  await put("orphan", "c");
  await putInfo("gone", { critical: true });
  await putInfo("idle");
  const { code, found, of } = await wrong();
  expect(found).toEqual([
    'warning infos service "shop": the hostname of its info is that of no public host',
    'problem infos service "shop": the credentials of its info and of 1 of 2 public hosts differ: "b"',
    'warning infos service "orphan": it has hosts, and no info',
    'problem services service "gone": it is critical, and has no host',
  ]);
  expect(of("services").at(-1)).toBe(
    'ok: 2 services with hosts; without a host, and not critical: "idle"',
  );
  expect(code).toBe(1);
});

test("credentials that are just being changed are in step on the second look", async () => {
  const face = { ports: { http: "80" }, public: true, user: "u" };
  const host = (password: string) => put("shop", "a", { ...face, name: "x.example.org", password });
  await putInfo("shop", { ...face, hostname: "x.example.org", password: secret });
  await host(`${secret}-of-old`);
  const looks = async (): Promise<number> => {
    const metrics = await etcdMetrics(etcd);
    return metrics.sum("grpc_server_handled_total", /grpc_method="LeaseTimeToLive"/);
  };
  const before = await looks();
  const looking = wrong();
  // The records are read before the leases that they live by are looked at.
  await eventually(async () => (await looks()) > before, 10_000, 5);
  await host(secret);
  const { code, found } = await looking;
  expect(found).toEqual([]);
  expect(code).toBe(0);
});

test("where there is much that is wrong the first of it is told, and how much more", async () => {
  const ids = Array.from({ length: 30 }, (_, index) => `host-${String(index).padStart(2, "0")}`);
  await Promise.all(ids.map((id) => raw.put(`/services/shop/${id}`, "?", lease)));
  await putInfo("shop");
  const { code, of } = await wrong();
  expect(of("malformed")).toHaveLength(21);
  expect(of("malformed").at(-1)).toBe("problem: and 10 more like these");
  expect(code).toBe(1);
});

test("what is in a record cannot act on the terminal", async () => {
  await raw.put("/services/evil\u009b31m/\u202ehost", "?", lease);
  await raw.put("/services/evil\u202e/host", "?", lease);
  await using run = runCommand(["doctor", "--no-color", "--endpoints", etcd.endpoint], {
    terminal: 80,
  });
  const { stdout } = await run.ended;
  expect(stdout).not.toMatch(/[\u0080-\u009f\u202e]/);
  expect(stdout).not.toContain("\u001b");
  expect(stdout).toContain("\\u202e");
});
