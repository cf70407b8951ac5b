import { afterAll, beforeAll, expect, test } from "vitest";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { doctor, hostJson } from "../support/doctor.ts";
import { askForPasswordsV2 } from "../support/etcd2-auth.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";

const secret = "do-not-show-me";
let etcd: EtcdCluster;

beforeAll(async () => {
  etcd = await startEtcd({ args: ["--enable-v2"] });
});

afterAll(() => etcd.stop());

async function look(...args: string[]) {
  const diagnosis = await doctor(["--endpoints", etcd.endpoint, ...args]);
  expect(diagnosis.stdout + diagnosis.stderr).not.toContain(secret);
  return diagnosis;
}

test("records that only API 2 shows are a problem for whoever looks by API 3, and none by API 2", async () => {
  const v2 = new RawEtcdV2(etcd.endpoint);
  await v2.put("/old/services/shop/a", hostJson("shop", "a", { password: secret }), 60);
  await v2.put("/old/services_infos/shop", '{"name":"shop","critical":false}');
  const by3 = await look("--prefix", "/old");
  expect(by3.of("api")).toEqual(["problem: 0 records under API 3, 2 under API 2"]);
  expect(by3.findings.find(({ check }) => check === "api")?.remedy).toMatch(/--api 2/);
  expect(by3.code).toBe(1);
  const by2 = await look("--prefix", "/old", "--api", "2");
  expect(by2.of("api")).toEqual(["ok: 2 records under API 2, none under API 3"]);
  expect(by2.of("malformed")).toEqual(["ok: 1 host and 1 info, all of them in good form"]);
  expect(by2.of("rights").map((line) => line.replace(/: granted, in .*/, ""))).toEqual([
    ...["ok read /old/services", "ok write /old/services"],
    ...["ok read /old/services_infos", "ok write /old/services_infos"],
  ]);
  expect(by2.code).toBe(0);
  // To try whether it may write has written nothing.
  expect([...(await v2.list("/old")).keys()]).toEqual([
    "/old/services/shop/a",
    "/old/services_infos/shop",
  ]);
});

test("records under both APIs are told, and hosts that never expire, also by API 2", async () => {
  const v2 = new RawEtcdV2(etcd.endpoint);
  await v2.put("/both/services/shop/eternal", hostJson("shop", "eternal"));
  await new RawEtcd(etcd).put("/both/services_infos/shop", '{"name":"shop","critical":false}');
  expect((await look("--prefix", "/both")).of("api")).toEqual([
    "warning: 1 record under API 3, 1 under API 2",
  ]);
  const { code, of } = await look("--prefix", "/both", "--api", "2");
  expect(of("lifetime")).toEqual([expect.stringMatching(/^problem host "eternal"/)]);
  expect(code).toBe(1);
});

test("API 2 that is not served is a problem for whoever wants it", async () => {
  const other = await startEtcd();
  try {
    const { code, of } = await doctor(["--api", "2", "--endpoints", other.endpoint]);
    expect(of("api")).toEqual([expect.stringMatching(/^problem: API 2 is asked for, and etcd 3/)]);
    expect(code).toBe(1);
  } finally {
    await other.stop();
  }
});

test("a password is wrong, or a role does not reach the keys, by API 2", async () => {
  const other = await startEtcd({ args: ["--enable-v2"] });
  try {
    await askForPasswordsV2(other, {
      rootPassword: secret,
      roles: [{ name: "reads", permissions: [{ access: "read", prefix: "/services" }] }],
      users: [{ name: "reader", password: secret, roles: ["reads"] }],
    });
    const as = async (username: string, password: string) => {
      const env = { ETCD_USERNAME: username, ETCD_PASSWORD: password };
      const diagnosis = await doctor(["--api", "2", "--endpoints", other.endpoint], { env });
      expect(diagnosis.stdout + diagnosis.stderr).not.toContain(secret);
      return diagnosis;
    };
    expect((await as("reader", "wrong")).of("sign-in")).toEqual([
      'problem: etcd refused user "reader"',
    ]);
    const { code, findings } = await as("reader", secret);
    const rights = findings.filter(({ check }) => check === "rights");
    expect(rights.map(({ level, where }) => `${level} ${where}`)).toEqual([
      ...["ok read /services", "problem write /services"],
      ...["ok read /services_infos", "problem write /services_infos"],
    ]);
    expect(code).toBe(1);
  } finally {
    await other.stop();
  }
});
