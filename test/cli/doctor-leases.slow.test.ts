import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { doctor, hostJson } from "../support/doctor.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";

let etcd: EtcdCluster;
let raw: RawEtcd;

beforeAll(async () => {
  etcd = await startEtcd();
  raw = new RawEtcd(etcd);
});

afterAll(() => etcd.stop());

const secondsLeft = async (lease: string): Promise<number> => {
  const { TTL } = (await etcd.call("/v3/lease/timetolive", { ID: lease })) as { TTL?: string };
  return Number(TTL ?? 0);
};

/** Waits until a lease has no more than this left. */
const until = (lease: string, seconds: number): Promise<unknown> =>
  eventually(
    async () => expect(await secondsLeft(lease)).toBeLessThanOrEqual(seconds),
    30_000,
    100,
  );

/** What is wrong, without the latency: a machine that is busy is slow. */
async function look(prefix: string) {
  const diagnosis = await doctor(["--endpoints", etcd.endpoint, "--prefix", prefix]);
  const found = diagnosis.wrong.filter((line) => !line.startsWith("warning latency"));
  return { ...diagnosis, found };
}

describe.concurrent("leases", () => {
  test(
    "one that nobody renews any more is a problem, seen on two looks",
    { timeout: 60_000 },
    async () => {
      const dying = await raw.grant(28);
      await raw.put("/dying/services/shop/a", hostJson("shop", "a"), dying);
      await raw.put("/dying/services_infos/shop", '{"name":"shop","critical":false}');
      await until(dying, 6);
      const { code, found } = await look("/dying");
      expect(found).toEqual([
        expect.stringMatching(
          /^problem keepalive host "a": its lease of 28 s was not renewed for 2\d s, on two looks$/,
        ),
      ]);
      expect(code).toBe(1);
    },
  );

  test(
    "a host that died and came back at its address is no problem: the old one goes by itself",
    { timeout: 60_000 },
    async () => {
      const old = await raw.grant(16);
      const host = { privateHostname: "node-1.internal", ports: { http: 8080 } };
      await raw.put(
        "/restarted/services/shop/old",
        hostJson("shop", "old", { private_hostname: host.privateHostname }),
        old,
      );
      const discovery = new Discovery({ endpoints: etcd.endpoints, prefix: "/restarted" });
      try {
        await discovery.register("shop", host).waitRegistration();
        // Half of its time is over.
        await until(old, 7);
        const { code, found } = await look("/restarted");
        expect(found).toEqual([
          expect.stringMatching(
            /^warning duplicates node-1.internal:8080 of service "shop": it is that of 2 hosts/,
          ),
        ]);
        expect(code).toBe(0);
      } finally {
        await discovery.close();
      }
    },
  );

  test("two processes that live at one address are a problem", async () => {
    const discovery = new Discovery({ endpoints: etcd.endpoints, prefix: "/twice" });
    const other = new Discovery({ endpoints: etcd.endpoints, prefix: "/twice" });
    try {
      const host = { privateHostname: "node-1.internal", ports: { http: 8080 } };
      const both = [discovery, other].map((each) => each.register("shop", host));
      await Promise.all(both.map((registration) => registration.waitRegistration()));
      const { code, found } = await look("/twice");
      expect(found).toEqual([
        expect.stringMatching(/^problem duplicates node-1.internal:8080 of service "shop"/),
      ]);
      expect(code).toBe(1);
    } finally {
      await Promise.all([discovery.close(), other.close()]);
    }
  });
});
