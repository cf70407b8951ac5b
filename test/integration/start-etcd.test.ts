import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { makeCertificates } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { httpsStatus } from "../support/https-get.ts";
import { isRunning } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

describe("a throwaway etcd", () => {
  test("keeps its data when it is killed and started again, at the same address", async () => {
    await using etcd = await startEtcd();
    await put(etcd, "a", "1");
    const { endpoint, pid = 0 } = etcd;
    expect(isRunning(pid)).toBe(true);

    await etcd.kill();
    expect(etcd.pid).toBeUndefined();
    expect(isRunning(pid)).toBe(false);
    await expect(get(endpoint, "a")).rejects.toThrow("fetch failed");

    await etcd.restart();
    expect(etcd.pid).not.toBe(pid);
    expect(etcd.endpoint).toBe(endpoint);
    expect(await get(endpoint, "a")).toBe("1");

    await etcd.restart();
    expect(await get(endpoint, "a")).toBe("1");
  });

  test("hangs while it is paused, and goes on afterwards", async () => {
    await using etcd = await startEtcd();
    await put(etcd, "a", "1");
    etcd.pause();
    const late = get(etcd.endpoint, "a");
    await expect(get(etcd.endpoint, "a", AbortSignal.timeout(300))).rejects.toThrow("timeout");
    etcd.resume();
    expect(await late).toBe("1");
  });

  test("is empty when it was wiped, and the same cluster unless told otherwise", async () => {
    await using etcd = await startEtcd();
    await put(etcd, "a", "1");
    const before = await clusterId(etcd);

    await etcd.wipe();
    expect(await get(etcd.endpoint, "a")).toBeUndefined();
    expect(await clusterId(etcd)).toBe(before);

    await put(etcd, "a", "1");
    await etcd.wipe({ newCluster: true });
    expect(await get(etcd.endpoint, "a")).toBeUndefined();
    expect(await clusterId(etcd)).not.toBe(before);
  });

  test("forgets old revisions when it is told to", async () => {
    await using etcd = await startEtcd();
    await put(etcd, "a", "1");
    await put(etcd, "a", "2");
    const old = { key: base64("a"), revision: "2" };
    expect((await etcd.call("/v3/kv/range", old))["count"]).toBe("1");
    await etcd.compact();
    await expect(etcd.call("/v3/kv/range", old)).rejects.toThrow("has been compacted");
  });

  test("has three members if told to, and lives on without one", async () => {
    await using etcd = await startEtcd({ size: 3 });
    const [first, second] = etcd.members;
    expect(new Set(etcd.endpoints).size).toBe(3);
    await put(etcd, "a", "1");
    await first?.kill();
    const survivor = second?.endpoint ?? "";
    // While the others elect a new leader, what is asked may get lost.
    await eventually(() => get(survivor, "a", AbortSignal.timeout(500)), 15_000);
    await put(etcd, "a", "2");
    await first?.restart();
    expect(await get(etcd.endpoint, "a")).toBe("2");
  });

  test("is gone when it is stopped, however often and even while it hangs", async () => {
    const etcd = await startEtcd();
    const { pid = 0, dataDir } = etcd;
    expect(existsSync(dataDir)).toBe(true);
    etcd.pause();
    await Promise.all([etcd.stop(), etcd.stop()]);
    await etcd.stop();
    expect(isRunning(pid)).toBe(false);
    expect(existsSync(folderOf(dataDir))).toBe(false);
    expect(etcd.logs()).toContain("ready to serve client requests");
    await expect(etcd.restart()).rejects.toMatchObject({ code: "CLOSED" });
  });

  test("says what etcd said when it does not start", async () => {
    const start = startEtcd({ args: ["--no-such-flag"] });
    await expect(start).rejects.toThrow("flag provided but not defined: -no-such-flag");
    await expect(start).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  test("is not left behind by a start that is aborted, or takes too long", async () => {
    const reason = new Error("changed my mind");
    await expect(startEtcd({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);

    await using folder = await temporaryFolder();
    const pidFile = join(folder.path, "pid");
    const binary = await folder.script(
      "etcd",
      `${answersVersion("3.4.0")}\n${neverServes(pidFile)}`,
    );
    const readPid = () => existsSync(pidFile) && Number(readFileSync(pidFile, "utf8"));

    const controller = new AbortController();
    const start = startEtcd({ binary, signal: controller.signal });
    start.catch(() => {});
    const pid = await eventually(readPid);
    expect(isRunning(pid)).toBe(true);
    controller.abort(reason);
    await expect(start).rejects.toBe(reason);
    expect(isRunning(pid)).toBe(false);

    await expect(startEtcd({ binary, timeoutMs: 100 })).rejects.toMatchObject({ code: "TIMEOUT" });
    await eventually(() => !isRunning(readPid() || 0));
  });

  test("refuses wrong options at once", () => {
    expect(() => startEtcd({ size: 2 })).toThrow("size is 2");
    expect(() => startEtcd({ tls: { cert: "", key: "", clientCertAuth: true } })).toThrow("tls.ca");
  });
});

describe("a throwaway etcd with TLS", () => {
  test("shows its certificate, and wants one of its clients if told to", async () => {
    const { ca, server, client, wrongCa } = await makeCertificates();
    await using etcd = await startEtcd({
      tls: { ca: ca.cert, cert: server.cert, key: server.key, clientCertAuth: true },
    });
    expect(etcd.endpoint).toMatch(/^https:/);
    const url = `${etcd.endpoint}/health`;
    expect(await httpsStatus(url, { ca: ca.cert, ...client })).toBe(200);
    await expect(httpsStatus(url, { ca: wrongCa.cert, ...client })).rejects.toThrow("certificate");
    await expect(httpsStatus(url, { ca: ca.cert })).rejects.toThrow(/certificate|ECONNRESET/);

    await put(etcd, "a", "1");
    await etcd.restart();
    expect(await httpsStatus(url, { ca: ca.cert, ...client })).toBe(200);
  });

  test("names the file that it cannot read", async () => {
    const { server } = await makeCertificates();
    const key = { file: "/no/such/key.pem" };
    const start = startEtcd({ tls: { cert: server.cert, key } });
    await expect(start).rejects.toThrow("/no/such/key.pem");
    await expect(start).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

describe("a throwaway etcd with passwords", () => {
  test("lets users do what their roles permit", async () => {
    await using etcd = await startEtcd({
      auth: {
        rootPassword: "root-secret",
        roles: [{ name: "reader", permissions: [{ access: "read", prefix: "/services/" }] }],
        users: [{ name: "ann", password: "ann-secret", roles: ["reader"] }],
      },
    });
    await expect(get(etcd.endpoint, "/services/a")).rejects.toThrow("user name is empty");
    await expect(signIn(etcd, "ann", "wrong")).rejects.toThrow("authentication failed");

    await put(etcd, "/services/a", "1");
    const token = await signIn(etcd, "ann", "ann-secret");
    expect(await get(etcd.endpoint, "/services/a", undefined, token)).toBe("1");
    await expect(get(etcd.endpoint, "/other", undefined, token)).rejects.toThrow(
      "permission denied",
    );

    await etcd.wipe();
    await expect(get(etcd.endpoint, "/services/a")).rejects.toThrow("user name is empty");
  });
});

describe("a process that started an etcd", () => {
  const testing = pathToFileURL(join(import.meta.dirname, "../../dist/testing/index.js")).href;
  const script = `
    import { startEtcd } from ${JSON.stringify(testing)};
    const { pid, dataDir } = await startEtcd();
    console.log(JSON.stringify({ pid, dataDir }));
  `;

  test.each([
    ["is killed by SIGKILL", "setInterval(() => {}, 1000);", "SIGKILL"],
    ["is ended by SIGTERM", "setInterval(() => {}, 1000);", "SIGTERM"],
    ["exits", "setInterval(() => {}, 1000); process.exit(0);", undefined],
    ["has nothing else to do", "", undefined],
  ] as const)("leaves nothing behind when it %s", async (_, then, signal) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script + then], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exit = once(child, "exit");
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    const started = await eventually(() => output.includes("\n") && output, 15_000);
    const { pid, dataDir } = JSON.parse(started) as { pid: number; dataDir: string };
    if (signal !== undefined) child.kill(signal);
    expect(await exit).toEqual(signal === undefined ? [0, null] : [null, signal]);
    await eventually(() => !isRunning(pid));
    await eventually(() => !existsSync(folderOf(dataDir)));
  });
});

async function put(etcd: EtcdCluster, key: string, value: string): Promise<void> {
  await etcd.call("/v3/kv/put", { key: base64(key), value: base64(value) });
}

/** Reads a key as any client does: over TCP, with no rights but those of the token. */
async function get(
  endpoint: string,
  key: string,
  signal?: AbortSignal,
  token?: string,
): Promise<string | undefined> {
  const answer = await post(endpoint, "/v3/kv/range", { key: base64(key) }, signal, token);
  const { kvs } = answer as { kvs?: [{ value: string }] };
  return kvs && Buffer.from(kvs[0].value, "base64").toString();
}

async function signIn(etcd: EtcdCluster, name: string, password: string): Promise<string> {
  const answer = await post(etcd.endpoint, "/v3/auth/authenticate", { name, password });
  return (answer as { token: string }).token;
}

async function post(
  endpoint: string,
  path: string,
  body: object,
  signal?: AbortSignal,
  token?: string,
): Promise<unknown> {
  const response = await fetch(endpoint + path, {
    method: "POST",
    body: JSON.stringify(body),
    signal: signal ?? null,
    headers: token === undefined ? {} : { authorization: token },
  });
  if (!response.ok) throw new Error(await response.text());
  return await response.json();
}

async function clusterId(etcd: EtcdCluster): Promise<string> {
  const { header } = await etcd.call("/v3/kv/range", { key: base64("x") });
  return (header as { cluster_id: string }).cluster_id;
}

function answersVersion(version: string): string {
  return `if [ "$1" = --version ]; then echo "etcd Version: ${version}"; exit; fi`;
}

function neverServes(pidFile: string): string {
  return `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 60`;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function folderOf(dataDir: string): string {
  return dirname(dirname(dataDir));
}
