import { afterAll, beforeAll, expect, test } from "vitest";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { doctor } from "../support/doctor.ts";
import { RawEtcd } from "../support/raw-etcd.ts";

const rootPassword = "root-secret";
const password = "alice-secret";
const role = (name: string, access: "read" | "write" | "readwrite", ...prefixes: string[]) => ({
  name,
  permissions: prefixes.map((prefix) => ({ access, prefix })),
});
const user = (name: string, ...roles: string[]) => ({ name, password, roles });
let etcd: EtcdCluster;

beforeAll(async () => {
  etcd = await startEtcd({
    auth: {
      rootPassword,
      roles: [
        role("all", "readwrite", "/services/", "/services_infos/"),
        role("reads", "read", "/services/", "/services_infos/"),
        role("writes", "write", "/services/", "/services_infos/"),
        role("hosts", "readwrite", "/services/"),
        role("demo", "readwrite", "/services/demo/", "/services_infos/demo"),
      ],
      users: [
        user("alice", "all"),
        user("reader", "reads"),
        user("writer", "writes"),
        user("half", "hosts"),
        user("demo", "demo"),
        user("nobody"),
      ],
    },
  });
});

afterAll(() => etcd.stop());

/** A look as this user, and what it says of each right. */
async function as(username: string, args: readonly string[] = [], secret = password) {
  const env = { ETCD_USERNAME: username, ETCD_PASSWORD: secret };
  const diagnosis = await doctor(["--endpoints", etcd.endpoint, ...args], { env });
  for (const text of [secret, rootPassword]) {
    expect(diagnosis.stdout + diagnosis.stderr).not.toContain(text);
  }
  const rights = diagnosis.findings
    .filter(({ check }) => check === "rights")
    .map(({ level, where }) => `${level} ${where}`);
  return { ...diagnosis, rights };
}

test("a user with all rights has signed in, and all is well", async () => {
  const { code, of, rights } = await as("alice");
  expect(of("sign-in")).toEqual(['ok: user "alice" has signed in']);
  expect(rights.every((right) => right.startsWith("ok "))).toBe(true);
  expect(rights).toHaveLength(7);
  expect(code).toBe(0);
});

test("a wrong password and an unknown user are refused, which is a problem", async () => {
  for (const [username, secret] of [
    ["alice", "wrong-secret"],
    ["eve", password],
  ] as const) {
    const { code, findings, of, rights } = await as(username, [], secret);
    expect(of("sign-in")).toEqual([`problem: etcd refused user "${username}"`]);
    expect(findings.find(({ check }) => check === "sign-in")?.remedy).toMatch(/--password-file/);
    expect(rights).toEqual(["warning undefined"]);
    expect(of("malformed")).toEqual(["warning: not checked: nobody has signed in"]);
    expect(code).toBe(1);
  }
});

test("no user where one is asked for is a problem", async () => {
  const { code, of } = await doctor(["--endpoints", etcd.endpoint]);
  expect(of("sign-in")).toEqual(["problem: etcd asks for a user, and none was given"]);
  expect(code).toBe(1);
});

test("a user who may only read lacks the right to write, unless it is only to read", async () => {
  const { code, findings, rights } = await as("reader");
  expect(rights).toEqual([
    ...["ok read /services/", "ok watch /services/", "problem write /services/"],
    ...["ok read /services_infos/", "ok watch /services_infos/", "problem write /services_infos/"],
    "ok leases",
  ]);
  expect(findings.find(({ where }) => where === "write /services/")?.remedy).toMatch(
    "etcdctl role grant-permission --prefix ROLE readwrite '/services/'",
  );
  expect(code).toBe(1);
  expect(await as("reader", ["--read-only"])).toMatchObject({
    code: 0,
    rights: [
      ...["ok read /services/", "ok watch /services/"],
      ...["ok read /services_infos/", "ok watch /services_infos/"],
    ],
  });
});

test("a user who may only write lacks the right to read, and is not said to lack that to write", async () => {
  const { code, of, rights } = await as("writer");
  expect(rights).toEqual([
    ...["problem read /services/", "problem watch /services/", "ok write /services/"],
    ...["problem read /services_infos/", "problem watch /services_infos/"],
    ...["ok write /services_infos/", "ok leases"],
  ]);
  expect(of("malformed")).toEqual(["warning: not checked: reading /services/ is denied"]);
  expect(code).toBe(1);
});

test("a role that reaches the hosts and not the infos is told apart", async () => {
  const { rights } = await as("half");
  expect(rights.filter((right) => right.startsWith("problem"))).toEqual([
    ...["problem read /services_infos/", "problem watch /services_infos/"],
    "problem write /services_infos/",
  ]);
});

test("a user without a role may do nothing but sign in", async () => {
  const { rights } = await as("nobody");
  expect(rights.filter((right) => right.startsWith("problem"))).toHaveLength(6);
});

test("a role for one service is enough where only that service is meant", async () => {
  expect((await as("demo")).code).toBe(1);
  const { code, rights } = await as("demo", ["demo"]);
  expect(rights.every((right) => right.startsWith("ok "))).toBe(true);
  expect(code).toBe(0);
  expect((await as("demo", ["other"])).code).toBe(1);
});

test("to try whether a user may write changes nothing, not even by whoever may do everything", async () => {
  const raw = new RawEtcd(etcd);
  await raw.put("/services/kept/a", "1");
  await raw.put("/services_infos/kept", "2");
  const before = await raw.list("/");
  const revision = async () => {
    const { header } = (await etcd.call("/v3/kv/range", { key: btoa("/") })) as {
      header: { revision: string };
    };
    return header.revision;
  };
  const at = await revision();
  const { rights } = await as("root", [], rootPassword);
  expect(rights.filter((right) => right.startsWith("ok write"))).toHaveLength(2);
  expect(await raw.list("/")).toEqual(before);
  expect(await revision()).toBe(at);
  expect(await raw.leases()).toEqual([]);
  await raw.deletePrefix("/services");
});
