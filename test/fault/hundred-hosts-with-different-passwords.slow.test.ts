import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { type Credentials, Discovery } from "../../src/index.ts";
import { type EtcdCluster, startEtcd, startProxy, type TcpProxy } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { recordHistory } from "../support/history.ts";
import { noOrphanLease } from "../support/leases.ts";
import { measured } from "../support/measured.ts";
import { RawEtcd } from "../support/raw-etcd.ts";

const service = "fleet";

const closeAll = async (discoveries: readonly Discovery[]): Promise<void> => {
  await Promise.all(discoveries.map((discovery) => discovery.close()));
};

/** All must agree this long after etcd serves again. */
const agreedMs = 10_000;

const middles: Record<string, (world: { etcd: EtcdCluster; proxy: TcpProxy }) => Promise<void>> = {
  "and etcd serves": () => Promise.resolve(),
  "and etcd is killed in the middle": async ({ etcd }) => {
    await etcd.kill();
    await etcd.restart();
  },
  "and the network is silent in the middle": async ({ proxy }) => {
    proxy.stall();
    await sleep(1_500);
    proxy.heal();
  },
  "and answers are lost in the middle": async ({ proxy }) => {
    proxy.stall("down");
    await sleep(500);
    proxy.cut();
    proxy.heal();
  },
};

describe("a hundred public hosts of a service that start together, each with a password of its own, end with one", () => {
  test.each(Object.entries(middles))(
    "%s",
    async (name, happens) => {
      await using etcd = await startEtcd();
      await using proxy = await startProxy(etcd.endpoint);
      const raw = new RawEtcd(etcd);
      await using history = await recordHistory(etcd, service);
      const endpoints = [proxy.endpoint];
      const discoveries = Array.from({ length: 25 }, () => new Discovery({ endpoints }));
      await using _ = { [Symbol.asyncDispose]: () => closeAll(discoveries) };
      await Promise.all(discoveries.map((discovery) => discovery.services()));
      const told: Credentials[] = [];
      const registrations = Array.from({ length: 100 }, (_, i) => {
        const discovery = discoveries[i % 25] as Discovery;
        // A private host of the same service must not take the info for its own.
        if (i % 20 === 0) discovery.register(service, { hostname: `p${i}`, ports: { http: 80 } });
        const registration = discovery.register(service, {
          hostname: "public-domain.dev",
          ports: { http: 80 },
          privateHostname: `node-${i}.internal.dev`,
          public: true,
          user: `user-${i}`,
          password: `password-${i}`,
        });
        registration.on("credentials", (credentials) => told.push(credentials));
        return registration;
      });
      await eventually(async () => (await raw.list(`/services/${service}/`)).size > 0);
      await happens({ etcd, proxy });
      const servesSince = performance.now();

      const credentials = await eventually(
        async () => {
          const records = [...(await raw.list(`/services`)).values()]
            .map(({ value }) => JSON.parse(value) as Credentials & { public?: boolean })
            .filter((record) => record.public);
          expect(records.length).toBe(101);
          const all = [...records, ...registrations.map((each) => each.credentials())];
          const [{ user, password } = { user: "", password: "" }] = all;
          for (const each of all) expect(each).toMatchObject({ user, password });
          return { user, password };
        },
        2 * agreedMs,
        20,
      );
      const tookMs = performance.now() - servesSince;
      measured(`a hundred passwords ${name}`, tookMs);
      expect(tookMs).toBeLessThan(agreedMs);
      expect(credentials.user).toMatch(/^user-\d+$/);
      expect(credentials.password).toBe(credentials.user.replace("user", "password"));

      // Never was there a public record that lacks anything, or an empty password.
      const written = await history.upToNow();
      for (const { id, record } of written) {
        if (record === undefined || (id !== undefined && !record.public)) continue;
        expect(record).toMatchObject({ hostname: "public-domain.dev", ports: { http: "80" } });
        expect(record.password).toBe(record.user.replace("user", "password"));
        expect(record.password).not.toBe("");
      }
      for (const { user, password } of told)
        expect(password).toBe(user.replace("user", "password"));
      await closeAll(discoveries);
      expect(await raw.list(`/services/`)).toEqual(new Map());
      await noOrphanLease(raw, { withinMs: 10_000 });
    },
    60_000,
  );
});
