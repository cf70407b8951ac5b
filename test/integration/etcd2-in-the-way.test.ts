import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";
import { witness } from "../support/witness.ts";
import { recordingLogger } from "../support/recording-logger.ts";

let etcd: EtcdCluster;

beforeAll(async () => {
  etcd = await startEtcd({ args: ["--enable-v2"] });
});

afterAll(() => etcd.stop());

/** How many conditional writes, such as refreshes, etcd has refused. */
async function refusals({ endpoint }: EtcdCluster): Promise<number> {
  const answer = await fetch(`${endpoint}/v2/stats/store`);
  return ((await answer.json()) as { compareAndSwapFail: number }).compareAndSwapFail;
}

const host = { hostname: "node-1.internal.dev", ports: { http: 80 } };

/** What some clients write for a host without a uuid, and what anybody may make by hand. */
const obstacles = {
  "a record where the hosts of the service are to lie": "/services/api",
  "a directory where its info is to lie": "/services_infos/shop/directory/record",
};

test.each(Object.entries(obstacles))("%s is named, and waited for", async (_, key) => {
  const raw = new RawEtcdV2(etcd.endpoint);
  await raw.put(key, "{}");
  const [, top, name = ""] = key.split("/");
  const logger = recordingLogger();
  await using discovery = new Discovery({ endpoints: etcd.endpoints, api: 2, logger });
  const registration = discovery.register(name, { ...host, public: true });
  await eventually(() => registration.lastError !== undefined);
  expect(registration.lastError).toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringMatching(/write "\/services.* delete what is in the way$/) as string,
  });
  expect(logger.lines.filter(({ level }) => level === "warn")).toHaveLength(1);
  await raw.delete(`/${top}/${name}`, { recursive: true });
  await registration.waitRegistration();
  expect(await discovery.get(name).url()).toBe("http://node-1.internal.dev:80");
});

test("what is in the way keeps nobody from leaving", async () => {
  const raw = new RawEtcdV2(etcd.endpoint);
  await raw.put("/services/other", "{}");
  const discovery = new Discovery({ endpoints: etcd.endpoints, api: 2, timeoutMs: 10_000 });
  const registration = discovery.register("other", host);
  await eventually(() => registration.lastError !== undefined);
  const since = performance.now();
  await discovery.close();
  expect(performance.now() - since).toBeLessThan(5_000);
  expect(registration.state).toBe("closed");
});

test("a directory that somebody puts in the place of a host takes it away, until it is gone itself", async () => {
  const service = "displaced";
  const raw = new RawEtcdV2(etcd.endpoint);
  await using discovery = new Discovery({ endpoints: etcd.endpoints, api: 2, ttlSeconds: 2 });
  const other = discovery.register(service, { ...host, hostname: "node-2.internal.dev" });
  const registration = discovery.register(service, host);
  await Promise.all([registration.waitRegistration(), other.waitRegistration()]);
  await using elsewhere = new Discovery({ endpoints: etcd.endpoints, api: 2 });
  const follower = witness(elsewhere, service);
  await follower.agrees(raw);
  const before = follower.told.length;
  const key = `/services/${service}/${registration.uuid}`;
  await raw.makeDirectory(key);
  await eventually(() => registration.state === "lost");
  await eventually(() => registration.lastError?.message.includes("what is in the way") === true);
  await eventually(() => follower.known.size === 1);
  // By now it is neither written by its index, nor refreshed.
  const refused = (await refusals(etcd)) + 1;
  await sleep(1_500);
  expect(await refusals(etcd)).toBeLessThanOrEqual(refused);
  await raw.delete(key, { recursive: true });
  await eventually(() => registration.state === "registered", 10_000);
  await follower.agrees(raw);
  expect(follower.told.slice(before)).toEqual([
    `down ${registration.uuid} unregistered`,
    `up ${registration.uuid}`,
  ]);
});
