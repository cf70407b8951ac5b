import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../../src/testing/free-ports.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { doctor } from "../support/doctor.ts";
import { eventually } from "../support/eventually.ts";
import { ScriptedHttpServer } from "../support/scripted-http-server.ts";
import { SilentServer } from "../support/silent-server.ts";

let etcd: EtcdCluster;

beforeAll(async () => {
  etcd = await startEtcd({ size: 3 });
});

afterAll(() => etcd.stop());

/** The address of a port at which nothing listens. */
async function deadEndpoint(): Promise<string> {
  const [port] = await freePorts(1);
  return `http://127.0.0.1:${port}`;
}

test("no endpoint answers: a whole report all the same, soon, and exit status 1", async () => {
  const dead = await deadEndpoint();
  const startedAt = performance.now();
  const { code, findings, of, wrong } = await doctor(["--endpoints", dead]);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(code).toBe(1);
  expect(of("endpoint")).toEqual([
    expect.stringMatching(/^problem http:\S+: does not answer: .*ECONNREFUSED/),
  ]);
  expect(findings[0]?.remedy).toMatch(/Is etcd running/);
  // Nothing passes for being well that was not looked at, but for TLS, of which there is none.
  expect(findings.filter(({ level }) => level === "ok").map(({ check }) => check)).toEqual(["tls"]);
  expect(new Set(findings.map(({ check }) => check)).size).toBe(21);
  expect(wrong.filter((line) => line.startsWith("warning"))).toHaveLength(19);
});

test("an endpoint that is silent is waited for no longer than --timeout", async () => {
  await using silent = await SilentServer.start();
  const startedAt = performance.now();
  const { code, findings, of } = await doctor(["--timeout", "1s", "--endpoints", silent.origin]);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(code).toBe(1);
  expect(of("endpoint")).toEqual([expect.stringMatching(/does not answer: .*within 1000 ms/)]);
  expect(findings[0]?.remedy).toMatch(/Does it hang/);
});

test("one of two endpoints is dead: that is a problem, and all else is looked at by the other", async () => {
  const dead = await deadEndpoint();
  const { code, of } = await doctor(["--endpoints", `${dead},${etcd.endpoint}`]);
  expect(code).toBe(1);
  expect(of("endpoint")).toEqual([
    expect.stringMatching(/^problem .*ECONNREFUSED/),
    `ok ${etcd.endpoint}: answers, etcd ${etcd.version}`,
  ]);
  expect(of("malformed")).toEqual(["ok: 0 hosts and 0 infos, all of them in good form"]);
  expect(of("rights").every((line) => line.startsWith("ok"))).toBe(true);
});

test("two endpoints that lead to the same member are told, and versions with a fault that matters", async () => {
  const again = etcd.endpoint.replace("127.0.0.1", "localhost");
  const args = ["--endpoints", `${etcd.endpoint},${again}`];
  const { code, of } = await doctor(args);
  expect(of("members")).toEqual([
    `warning: the same one answers at ${etcd.endpoint} and ${again}`,
    "ok: 1 of 3 in the cluster are reached",
  ]);
  const [, minor = 0, patch = 0] = etcd.version.split(".").map(Number);
  const isMended = minor >= 6 || patch >= (minor === 5 ? 13 : 31);
  expect(of("versions")).toEqual([
    isMended ? `ok: ${etcd.version}` : expect.stringMatching(/^warning .*etcd#15247/),
  ]);
  expect(code).toBe(0);
  expect((await doctor(["--strict", ...args])).code).toBe(1);
});

test("endpoints of different clusters are a problem", async () => {
  const other = await startEtcd();
  try {
    const { code, of } = await doctor(["--endpoints", `${etcd.endpoint},${other.endpoint}`]);
    expect(of("members")).toEqual([expect.stringMatching(/^problem: of 2 clusters: /)]);
    expect(code).toBe(1);
  } finally {
    await other.stop();
  }
});

test("a member that knows of no leader is a problem", async () => {
  const trio = await startEtcd({ size: 3 });
  try {
    await Promise.all(trio.members.slice(1).map((member) => member.kill()));
    const { code, of } = await doctor(["--timeout", "2s", "--endpoints", trio.endpoint]);
    expect(code).toBe(1);
    // A member that led finds out after the time of an election that nobody follows.
    await eventually(
      async () => {
        const { of } = await doctor(["--timeout", "1s", "--endpoints", trio.endpoint]);
        expect(of("leader")).toEqual([`problem ${trio.endpoint}: it knows of none`]);
      },
      15_000,
      100,
    );
    expect(of("sign-in")).toEqual([expect.stringMatching(/^problem: etcd did not say who we are/)]);
  } finally {
    await trio.stop();
  }
}, 60_000);

test("a clock that is far off is told, also of what speaks no gRPC", async () => {
  await using server = await ScriptedHttpServer.start((request) => {
    const date = new Date(Date.now() + 60_000).toUTCString();
    if (request.url === "/version") request.json(200, { etcdserver: "3.4.99" }, { Date: date });
    else request.json(404, {});
  });
  const { code, findings, of } = await doctor(["--timeout", "1s", "--endpoints", server.origin]);
  expect(of("clock")).toEqual([
    expect.stringMatching(/^warning http:\S+: is ahead of ours by at least (5[5-9]|60)\.\d s$/),
  ]);
  expect(of("endpoint")).toEqual([expect.stringMatching(/answers by HTTP, but not by gRPC/)]);
  expect(findings.find(({ check }) => check === "clock")?.remedy).toMatch(/NTP/);
  expect(code).toBe(1);
});
