import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Discovery, type DiscoveryOptions, isDiscoveryError } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { compileDocs } from "./compile.ts";
import { grant, passwordOf, revoke, rightsOn, setUp } from "./etcdctl.ts";
import { docPrograms } from "./programs.ts";
import { inPlaces, runProgram } from "./run-program.ts";

// What docs/tls-and-roles.md says, on an etcd that is set up as it says.

const page = "docs/tls-and-roles.md";
const rights = rightsOn(page);
const host = { hostname: "10.0.0.7", ports: { http: 8080 } };
const open = { public: true, user: "user", password: "secret" };

let certificates: Certificates;
let files: TemporaryFolder;
let etcd: EtcdCluster;

beforeAll(async () => {
  [certificates, files] = await Promise.all([makeCertificates(), temporaryFolder()]);
  const { ca, server, client } = certificates;
  etcd = await startEtcd({
    tls: { ...server, ca: ca.cert, clientCertAuth: true },
    auth: { rootPassword: "root-password" },
  });
  await setUp(etcd, rights);
  const { path } = files;
  writeFileSync(join(path, "ca.pem"), ca.cert);
  writeFileSync(join(path, "client.pem"), client.cert);
  writeFileSync(join(path, "client-key.pem"), client.key);
  writeFileSync(join(path, "etcd-password"), `${passwordOf("api")}\n`);
});
afterAll(async () => {
  await etcd?.stop();
  await files?.[Symbol.asyncDispose]();
});

/** As one of the users of the page. */
function as(username: string, more?: DiscoveryOptions): Discovery {
  const { ca, client } = certificates;
  return new Discovery({
    endpoints: etcd.endpoints,
    tls: { ca: ca.cert, ...client },
    auth: { username, password: passwordOf(username) },
    ...more,
  });
}

/** The key that was refused; "" if none was. */
async function refused(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "";
  } catch (error) {
    if (!isDiscoveryError(error, "PERMISSION_DENIED")) throw error;
    return error.message;
  }
}

test("the page's programs do what it says", { timeout: 60_000 }, async () => {
  const programs = docPrograms().filter(({ secure }) => secure);
  expect(programs.length).toBeGreaterThan(0);
  using compiled = compileDocs(programs);
  for (const program of programs) {
    const places = {
      "https://10.0.0.1:2379": etcd.endpoint,
      "https://10.0.0.2:2379": etcd.endpoint,
      "/etc/etcd/": `${files.path}/`,
      "/run/secrets/": `${files.path}/`,
    };
    const text = inPlaces(readFileSync(join(compiled.path, program.file), "utf8"), places);
    await runProgram(compiled.path, { ...program, text }, {});
  }
});

test("a service does all that services do with its role, and nothing to its neighbours", async () => {
  await using discovery = as("api");
  const registration = discovery.register("api", { ...host, ...open });
  await registration.waitRegistration();
  await registration.update({ weight: 2 });
  await registration.rotateCredentials({ user: "user", password: "newer" });
  await using neighbour = discovery.register("api-admin", host);
  expect(await refused(neighbour.waitRegistration())).toContain("api-admin");
  expect(await refused(discovery.get("billing").all())).toContain("billing");
  expect(await refused(discovery.services())).toContain("/services/");
  await registration.drain({ delayMs: 0 });
  // A private host takes the place of public ones that have left, for which it looks at all.
  await discovery.register("api", host).waitRegistration();
  await eventually(async () => !(await discovery.get("api").service()).public);
});

test("a follower finds and follows with its role, and writes nothing", async () => {
  await using api = as("api");
  await api.register("api", { ...host, ...open }).waitRegistration();
  await using discovery = as("frontend");
  expect(await discovery.get("api").url("http")).toContain(host.hostname);
  const subscription = discovery.subscribe("api", { existing: true });
  expect((await subscription.next()).value).toMatchObject({ type: "up" });
  const pool = discovery.live("api");
  await pool.waitReady();
  expect(pool.pick().hostname).toBe(host.hostname);
  expect(await refused(discovery.register("api", host).waitRegistration())).toContain("api");
  expect(await refused(discovery.services())).toContain("/services/");
});

test("a viewer sees all services, and writes nothing", async () => {
  await using api = as("api");
  const registration = api.register("api", host);
  await registration.waitRegistration();
  await using discovery = as("dashboard");
  expect(await discovery.services()).toContain("api");
  const uuids = (await discovery.get("api").all()).map(({ uuid }) => uuid);
  expect(uuids).toContain(registration.uuid);
  expect(await refused(discovery.register("api", host).waitRegistration())).toContain("api");
});

test("an operator may write what any service writes", async () => {
  await using discovery = as("ops");
  const registration = discovery.register("anything", { ...host, ...open });
  await registration.waitRegistration();
  await registration.rotateCredentials({ user: "user", password: "newer" });
  expect(await discovery.services()).toContain("anything");
});

/** What somebody with a role has it for. */
const duties: Readonly<Record<string, (user: Discovery) => Promise<unknown>>> = {
  "service-api": (user) => user.register("api", { ...host, ...open }).waitRegistration(),
  "follows-api": (user) => user.changes("api").waitReady(),
  viewer: (user) => user.services(),
  operator: (user) => user.register("any", { ...host, ...open }).waitRegistration(),
};

describe("no right could be left out", () => {
  test("and all roles are tried", () => {
    expect(new Set(rights.grants.map(({ role }) => role))).toEqual(new Set(Object.keys(duties)));
  });

  test.each(rights.grants)("$role: $access $key", async (each) => {
    const [user = ""] = [...rights.users].find(([, of]) => of.includes(each.role)) ?? [];
    const duty = duties[each.role];
    await revoke(etcd, each);
    try {
      await using without = as(user);
      expect(await refused(Promise.resolve(duty?.(without)))).not.toBe("");
      if (each.access === "readwrite") {
        // Nor would it do to read.
        await grant(etcd, { ...each, access: "read" });
        await using reader = as(user);
        expect(await refused(Promise.resolve(duty?.(reader)))).not.toBe("");
        await revoke(etcd, each);
      }
    } finally {
      await grant(etcd, each);
    }
    await using again = as(user);
    expect(await refused(Promise.resolve(duty?.(again)))).toBe("");
  });
});
