import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Discovery, type Registration } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { leasesOf } from "../support/leases.ts";
import { measured } from "../support/measured.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { statesOf } from "../support/registrations.ts";
import { timeUntil } from "../support/time-until.ts";

/** What somebody does to a registration must be undone within this time. */
const backMs = 2_000;

let etcd: EtcdCluster;
let raw: RawEtcd;

beforeAll(async () => {
  etcd = await startEtcd();
  raw = new RawEtcd(etcd);
});
afterAll(() => etcd.stop());

const publicHost = {
  hostname: "public-domain.dev",
  ports: { http: 80 },
  privateHostname: "node-1.internal.dev",
  public: true,
  user: "user",
  password: "secret",
};

/** A process with a public and a private host in each of 25 services. */
async function fifty(
  prefix: string,
): Promise<{ readonly discovery: Discovery; readonly registrations: Registration[] }> {
  const discovery = new Discovery({ endpoints: etcd.endpoints, prefix });
  const registrations = Array.from({ length: 50 }, (_, i) =>
    discovery.register(
      `service-${i >> 1}`,
      i % 2 === 0 ? publicHost : { hostname: "node-1.internal.dev", ports: { http: 80 } },
    ),
  );
  await Promise.all(registrations.map((each) => each.waitRegistration()));
  return { discovery, registrations };
}

/** All records, by key, without what is different about one that was written again. */
async function values(prefix: string): Promise<Map<string, string>> {
  return new Map([...(await raw.list(`${prefix}/`))].map(([key, { value }]) => [key, value]));
}

const revokeAll = async (prefix: string): Promise<void> => {
  for (const lease of leasesOf(await raw.list(`${prefix}/`))) await raw.revoke(lease);
};

const injuries: Record<string, (prefix: string) => Promise<unknown>> = {
  "whose lease was revoked": revokeAll,
  "whose keys were all deleted, the infos too": (prefix) => raw.deletePrefix(`${prefix}/`),
  "whose keys were all overwritten, the infos too": async (prefix) => {
    const all = await raw.list(`${prefix}/`);
    await Promise.all([...all.keys()].map((key) => raw.put(key, '{"name":"stolen","ports":{}}')));
  },
  "whose keys were all deleted, and whose lease was revoked thereafter": async (prefix) => {
    const leases = leasesOf(await raw.list(`${prefix}/`));
    await raw.deletePrefix(`${prefix}/services/`);
    for (const lease of leases) await raw.revoke(lease);
  },
};

describe(
  "50 registrations of 25 services in one process are back within 2 s with the same records",
  { timeout: 60_000 },
  () => {
    test.each(Object.entries(injuries))("%s", async (name, injure) => {
      const prefix = `/${randomUUID()}`;
      const { discovery, registrations } = await fifty(prefix);
      const before = await values(prefix);
      expect(before.size).toBe(75);

      await injure(prefix);
      const { tookMs, ownMs } = await timeUntil(async () => {
        expect(await values(prefix)).toEqual(before);
        expect(registrations.every(({ state }) => state === "registered")).toBe(true);
      }, 5 * backMs);
      measured(`50 registrations ${name}`, tookMs);
      expect(ownMs).toBeLessThan(backMs);

      const leases = leasesOf(await raw.list(`${prefix}/services/`));
      expect(leases.length).toBe(1);
      expect(await raw.leases()).toContain(leases[0]);
      await discovery.close();
      expect(await raw.list(`${prefix}/services/`)).toEqual(new Map());
      expect(await raw.leases()).not.toContain(leases[0]);
    });
  },
);

describe.concurrent("a lease that is revoked again and again", { timeout: 60_000 }, () => {
  test("is given up each time, and the registration is back within 2 s under a new one", async () => {
    const prefix = `/${randomUUID()}`;
    await using discovery = new Discovery({ endpoints: etcd.endpoints, prefix });
    const registration = discovery.register("again", publicHost);
    await registration.waitRegistration();
    const key = `${prefix}/services/again/${registration.uuid}`;
    const before = await raw.get(key);
    const states = statesOf(registration);
    const leases = new Set<string>();
    for (let round = 0; round < 4; round += 1) {
      const lease = (await raw.get(key))?.lease ?? "";
      leases.add(lease);
      await raw.revoke(lease);
      const { tookMs, ownMs } = await timeUntil(async () => {
        expect(await raw.get(key)).toBeDefined();
      }, 5 * backMs);
      measured(`a lease revoked again and again, time ${round + 1}`, tookMs);
      expect(ownMs).toBeLessThan(backMs);
      const now = await raw.get(key);
      // The old one is asked for no more.
      expect(leases).not.toContain(now?.lease);
      expect(now).toMatchObject({ value: before?.value, version: 1 });
      await eventually(() => registration.state === "registered");
    }
    expect(states).toEqual(Array.from({ length: 4 }, () => ["lost", "registered"]).flat());
  });
});
