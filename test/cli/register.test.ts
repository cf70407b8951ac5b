import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, inject, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { freePorts } from "../../src/testing/free-ports.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { runCommand } from "../support/run-command.ts";
import { hostNews } from "../support/host-news.ts";
import { pythonService, runSidecar } from "../support/sidecar.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const endpoint = inject("etcd");
const prefix = `/register-${randomUUID()}`;
const env = { ETCD_HOSTS: endpoint, ETCD_PREFIX: prefix };
const raw = RawEtcd.at(endpoint);
const discovery = new Discovery({ endpoints: [endpoint], prefix });
afterAll(() => discovery.close());

const keysOf = async (service: string): Promise<string[]> => [
  ...(await raw.list(`${prefix}/services/${service}/`)).keys(),
];

const registered = (service: string) =>
  eventually(async () => (await keysOf(service)).length === 1, 10_000, 10);

describe("a service in Python", () => {
  test("is found while it runs, is off etcd before it is told to stop, and its exit status is ours", async () => {
    const [port = 0] = await freePorts(1);
    const flags = ["python", "--hostname", "127.0.0.1", "--port", `http=${port}`];
    const service = pythonService("--port", String(port), "--listed", "python", "--ends-with", "7");
    await using run = runSidecar([...flags, "--", ...service], { env });
    await run.heard(({ ready }) => ready === true);
    await registered("python");

    const url = await discovery.get("python").one().url("http", "/hello");
    expect(await (await fetch(url)).text()).toBe("hello from python");

    run.kill("SIGTERM");
    const { code, signal, stdout } = await run.ended;
    expect({ code, signal }).toEqual({ code: 7, signal: null });
    // Standard output is the program's alone.
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    expect(run.said[1]).toEqual({ name: "child", signal: "SIGTERM", hosts: 0 });
    expect(await keysOf("python")).toEqual([]);
  });

  test("is unregistered when it ends by itself", async () => {
    const followed = await hostNews(discovery, "own-end");
    const program = `import sys; sys.stdin.readline(); sys.exit(3)`;
    const flags = ["own-end", "--hostname", "127.0.0.1", "--port", "http=1"];
    await using run = runSidecar([...flags, "--", "python3", "-c", program], { env });
    await eventually(() => followed.items.includes("up"), 10_000, 10);
    run.write("\n");
    expect(await run.ended).toMatchObject({ code: 3, signal: null, stdout: "" });
    await eventually(() => followed.items.includes("down draining unregistered"));
  });

  test("tells on standard error what becomes of it", async () => {
    const flags = ["told", "--hostname", "127.0.0.1", "--port", "http=1"];
    await using run = runSidecar([...flags, "--", ...pythonService()], { env });
    await run.says(/registered as/, "stderr");
    run.kill("SIGTERM");
    const { stderr } = await run.ended;
    const lines = stderr.trimEnd().split("\n");
    expect(lines.filter((line) => !line.includes("is a loopback address"))).toEqual([
      expect.stringMatching(/^etcd-discovery: told: started python3 \(pid \d+\)$/),
      expect.stringMatching(/^etcd-discovery: told: registered as [0-9a-f-]{36}-127\.0\.0\.1$/),
      "etcd-discovery: told: SIGTERM: unregistering",
      "etcd-discovery: told: unregistered",
      "etcd-discovery: told: SIGTERM to python3",
      "etcd-discovery: told: python3 was ended by SIGTERM",
    ]);
  });

  test("--json tells the same, an object a line", async () => {
    const flags = ["told-json", "--json", "--hostname", "127.0.0.1", "--port", "http=1"];
    await using run = runSidecar([...flags, "--", ...pythonService()], { env });
    await run.says(/"event":"registered"/, "stderr");
    run.kill("SIGTERM");
    const { stderr } = await run.ended;
    const events = stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ event }) => event).filter((event) => event !== "warning")).toEqual([
      ...["started", "registered", "stopping", "unregistered", "signalling", "ended"],
    ]);
    for (const event of events) {
      expect(event["service"]).toBe("told-json");
      expect(new Date(String(event["time"])).getTime()).toBeGreaterThan(0);
    }
    expect(events.at(-1)).toMatchObject({ code: null, signal: "SIGTERM" });
  });
});

test("a service in Node.js: the same", async () => {
  const program = `
    process.on("SIGTERM", () => process.exit(5));
    setTimeout(() => process.exit(98), 60_000);
    console.log("ready");
  `;
  const flags = ["node", "--hostname", "127.0.0.1", "--port", "http=1"];
  const command = [process.execPath, "-e", program];
  await using run = runSidecar([...flags, "--", ...command], { env });
  await run.says(/ready/);
  await registered("node");
  run.kill("SIGTERM");
  expect(await run.ended).toMatchObject({ code: 5, signal: null, stdout: "ready\n" });
  expect(await keysOf("node")).toEqual([]);
});

describe("without a command", () => {
  test.each([
    ["SIGTERM", { code: null, signal: "SIGTERM" }],
    ["SIGINT", { code: null, signal: "SIGINT" }],
    ["SIGHUP", { code: null, signal: "SIGHUP" }],
    ["SIGQUIT", { code: 131, signal: null }],
  ] as const)("is registered until %s", async (signal, end) => {
    const service = `alone-${signal}`;
    const followed = await hostNews(discovery, service);
    await using run = runCommand(["register", service, "--port", "ipp=631"], { env });
    await eventually(() => followed.items.includes("up"), 10_000, 10);
    run.kill(signal);
    expect(await run.ended).toMatchObject({ ...end, stdout: "" });
    await eventually(() => followed.items.includes("down draining unregistered"));
  });
});

test("all that can be said of a host is in its record, and of its password nothing elsewhere", async () => {
  await using folder = await temporaryFolder();
  const secret = `secret-${randomUUID()}`;
  const file = join(folder.path, "password");
  await writeFile(file, `${secret}\n`);
  const host = ["--hostname", "public-domain.dev", "--port", "http=80", "--port", "https=443"];
  const inside = ["--private-hostname", "node-1.internal", "--private-port", "http=8080"];
  const facts = ["--public", "--critical", "--shard", "s0", "--weight", "2.5"];
  const more = ["--metadata", "version=1", "--metadata", "zone=a", "--user", "ann"];
  const flags = ["all", ...host, ...inside, ...facts, ...more, "--service-password-file", file];
  await using run = runSidecar([...flags, "--debug", "--", ...pythonService()], { env });
  await registered("all");
  const found = await discovery.get("all").first();
  expect(found.uuid).toMatch(/-node-1\.internal$/);
  expect(found).toMatchObject({
    hostname: "public-domain.dev",
    ports: { http: "80", https: "443" },
    privateHostname: "node-1.internal",
    privatePorts: { http: "8080" },
    ...{ public: true, critical: true, shard: "s0", weight: 2.5, user: "ann" },
    metadata: { version: "1", zone: "a" },
  });
  expect(found.password).toBe(secret);

  const { pid } = await run.heard(({ ready }) => ready === true);
  for (const each of [pid, run.pid]) {
    expect(readFileSync(`/proc/${each}/cmdline`, "utf8")).not.toContain(secret);
  }
  run.kill("SIGTERM");
  const { stderr, stdout } = await run.ended;
  expect(stderr + stdout).not.toContain(secret);
});

test("the service's password comes from standard input, or from a variable that its program has, too", async () => {
  const flags = (service: string) => [
    service,
    "--hostname",
    "h",
    "--port",
    "http=1",
    "--user",
    "a",
  ];
  const piped = [...flags("piped"), "--service-password-file", "-"];
  await using fromInput = runSidecar([...piped, "--", ...pythonService()], { env, input: "one\n" });
  const variable = { ...env, SERVICE_PASSWORD: "two" };
  await using fromVariable = runSidecar(
    [...flags("variable"), "--", ...pythonService("--tells-environment")],
    {
      env: variable,
    },
  );
  await registered("piped");
  await registered("variable");
  expect((await discovery.get("piped").first()).password).toBe("one");
  expect((await discovery.get("variable").first()).password).toBe("two");
  const { environment } = await fromVariable.heard(({ ready }) => ready === true);
  expect(environment["SERVICE_PASSWORD"]).toBe("two");
  await fromInput.heard(({ ready }) => ready === true);
});

test("credentials that another host of the service changes are taken over, told of, and not shown", async () => {
  const flags = ["rotated", "--hostname", "h", "--port", "http=1", "--public", "--user", "ann"];
  await using run = runSidecar([...flags, "--", ...pythonService()], {
    env: { ...env, SERVICE_PASSWORD: "old-secret" },
  });
  await run.says(/registered as/, "stderr");
  const other = { hostname: "other", ports: { http: 1 }, public: true } as const;
  const newer = { user: "ann", password: "new-secret" };
  await using another = discovery.register("rotated", { ...other, ...newer });
  await another.waitRegistration();
  await run.says(/another host has given the service new credentials/, "stderr");
  await eventually(async () => {
    const hosts = await discovery.get("rotated").all();
    return hosts.length === 2 && hosts.every(({ password }) => password === "new-secret");
  });
  run.kill("SIGTERM");
  const { stderr, stdout } = await run.ended;
  expect(stderr + stdout).not.toMatch(/-secret/);
});

describe("etcd's credentials", () => {
  // This etcd asks for none, and takes no offence at being given some.
  const credentials = { ETCDCTL_USER: "root:secret", ETCDCTL_KEY: "key.pem" };

  test("are not in the program's environment", async () => {
    const flags = ["no-credentials", "--hostname", "h", "--port", "http=1"];
    await using run = runSidecar([...flags, "--", ...pythonService("--tells-environment")], {
      env: { ...env, ...credentials },
    });
    const { environment } = await run.heard(({ ready }) => ready === true);
    expect(environment).toMatchObject(env);
    expect(JSON.stringify(environment)).not.toMatch(/ETCDCTL|root:secret|key\.pem/);
  });

  test("are there if that is asked for", async () => {
    const flags = ["credentials", "--hostname", "h", "--port", "http=1"];
    await using run = runSidecar(
      [...flags, "--pass-etcd-environment", "--", ...pythonService("--tells-environment")],
      {
        env: { ...env, ...credentials },
      },
    );
    const { environment } = await run.heard(({ ready }) => ready === true);
    expect(environment).toMatchObject({ ...env, ...credentials });
  });
});

test("--drain marks the host, waits, unregisters, and only then stops the program", async () => {
  const followed = await hostNews(discovery, "drained");
  const flags = ["drained", "--hostname", "127.0.0.1", "--port", "http=1", "--drain", "400ms"];
  const service = pythonService("--listed", "drained");
  await using run = runSidecar([...flags, "--", ...service], { env });
  await run.heard(({ ready }) => ready === true);
  await eventually(() => followed.items.includes("up"), 10_000, 10);
  const told = performance.now();
  run.kill("SIGTERM");
  await eventually(() => followed.items.includes("update draining"), 10_000, 5);
  expect(run.signals).toEqual([]);
  await run.ended;
  expect(performance.now() - told).toBeGreaterThan(400);
  expect(run.said.at(-1)).toMatchObject({ signal: "SIGTERM", hosts: 0 });
  await eventually(() => followed.items.includes("down draining unregistered"));
});
