import { randomUUID } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { runCommand } from "../support/run-command.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const prefix = `/cli-smoke-${randomUUID()}`;
const env = { ETCD_HOSTS: inject("etcd"), ETCD_PREFIX: prefix };
const run = (...args: string[]) => runCommand(args, { env }).ended;
const host = { hostname: "public.dev", ports: { http: 80 }, public: true, user: "user" };

test("rotate gives all public hosts new credentials, which are in a file that nobody else can read", async () => {
  await using discovery = new Discovery({ endpoints: [inject("etcd")], prefix });
  const registration = discovery.register("rotated", { ...host, password: "old-secret" });
  await registration.waitRegistration();
  await using folder = await temporaryFolder();
  const file = join(folder.path, "credentials.json");
  const { code, stdout, stderr } = await run("rotate", "rotated", "--output", file);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const { password } = JSON.parse(await readFile(file, "utf8")) as { password: string };
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(registration.credentials()).toEqual({ user: "user", password });
  expect(stdout + stderr).not.toContain(password);
});

test("deregister deletes a record that nobody keeps, and says that one that is kept came back", async () => {
  const raw = RawEtcd.at(inject("etcd"));
  await using discovery = new Discovery({ endpoints: [inject("etcd")], prefix });
  const registration = discovery.register("stale", { ...host, password: "old-secret" });
  await registration.waitRegistration();
  const key = `${prefix}/services/stale/left-over`;
  await raw.put(key, '{"name":"gone.dev","service_name":"stale","ports":{"http":"80"}}');
  expect((await run("deregister", "stale", "left-over", "--yes")).code).toBe(0);
  expect(await raw.get(key)).toBeUndefined();
  const kept = await run("deregister", "stale", registration.uuid, "--yes");
  expect(kept.code).toBe(1);
  expect(kept.stdout + kept.stderr).toMatch(/drain/);
});

test("drain orders a host to take no new work, and undrain takes that back", async () => {
  await using discovery = new Discovery({ endpoints: [inject("etcd")], prefix });
  const registration = discovery.register("draining", { ...host, password: "old-secret" });
  await registration.waitRegistration();
  const drained = await run("drain", "draining", registration.uuid);
  expect(drained).toMatchObject({ code: 0 });
  expect(drained.stdout + drained.stderr).toMatch(/undrain/);
  expect(registration.state).toBe("draining");
  expect((await run("undrain", "draining", registration.uuid)).code).toBe(0);
  expect(registration.state).toBe("registered");
  expect((await run("drain", "draining", "nobody")).code).toBe(3);
});
