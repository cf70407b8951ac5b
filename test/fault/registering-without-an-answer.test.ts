import { describe, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { type EtcdCluster, startEtcd, startProxy, type TcpProxy } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { leasesOf, noOrphanLease } from "../support/leases.ts";
import { measured } from "../support/measured.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { timeUntil } from "../support/time-until.ts";
import { witness } from "../support/witness.ts";

const publicHost = (password: string) => ({
  hostname: "public-domain.dev",
  ports: { http: 80 },
  privateHostname: "node-1.internal.dev",
  public: true,
  user: "user",
  password,
});

/** What keeps the answers from a client, and what ends that. */
const silences: Record<
  string,
  readonly [
    begin: (world: { etcd: EtcdCluster; proxy: TcpProxy }) => void,
    end: (world: { etcd: EtcdCluster; proxy: TcpProxy }) => void,
  ]
> = {
  "its answers are kept back": [({ proxy }) => proxy.stall("down"), ({ proxy }) => proxy.heal()],
  "its questions are kept back": [({ proxy }) => proxy.stall("up"), ({ proxy }) => proxy.heal()],
  "all is kept back, and then lost": [
    ({ proxy }) => proxy.stall(),
    ({ proxy }) => {
      proxy.cut();
      proxy.heal();
    },
  ],
  "etcd hangs": [({ etcd }) => etcd.pause(), ({ etcd }) => etcd.resume()],
};

describe.concurrent(
  "a host whose registration got no answer for longer than its timeout, as",
  { timeout: 60_000 },
  () => {
    test.each(Object.entries(silences))(
      "%s, is registered once in the end, with no lease left over",
      async (name, [begin, end]) => {
        await using etcd = await startEtcd();
        await using proxy = await startProxy(etcd.endpoint);
        const raw = new RawEtcd(etcd);
        await using following = new Discovery({ endpoints: etcd.endpoints });
        await using follower = witness(following, "late");
        await follower.agrees(etcd);
        await using discovery = new Discovery({
          endpoints: [proxy.endpoint],
          ttlSeconds: 2,
          timeoutMs: 1_000,
        });
        await discovery.services({ timeoutMs: 10_000 });

        begin({ etcd, proxy });
        const registration = discovery.register("late", publicHost("secret"));
        // The lease, and on the connection that comes after it, again and again.
        await eventually(() => registration.lastError !== undefined);
        await eventually(() => proxy.connections > 3, 5_000, 20);
        expect(registration.ready).toBe(false);
        end({ etcd, proxy });
        const { tookMs, ownMs } = await timeUntil(async () => {
          await raw.get("/");
          expect(registration.ready).toBe(true);
        }, 10_000);
        measured(`registered without an answer as ${name}`, tookMs);
        expect(ownMs).toBeLessThan(2_000);

        const keys = await raw.list("/services/late/");
        expect([...keys.keys()]).toEqual([`/services/late/${registration.uuid}`]);
        await follower.agrees(etcd);
        expect(follower.told).toEqual([`up ${registration.uuid}`]);
        // Those that nobody knows of run out by themselves, as nobody keeps them.
        await noOrphanLease(raw, { withinMs: 6_000 });
        expect(await raw.leases()).toEqual(leasesOf(await raw.list("/services/")));
        await discovery.close();
        expect([await raw.list("/services/"), await raw.leases()]).toEqual([new Map(), []]);
      },
    );
  },
);

describe.concurrent("a first registration whose answer was lost", { timeout: 60_000 }, () => {
  test("is found on etcd, and takes the credentials that another has announced since", async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoint);
    const raw = new RawEtcd(etcd);
    await using slow = new Discovery({ endpoints: [proxy.endpoint], ttlSeconds: 20 });
    await using other = new Discovery({ endpoints: etcd.endpoints });
    await slow.register("other", publicHost("")).waitRegistration();

    proxy.stall("down");
    const early = slow.register("contended", publicHost("older"));
    const key = `/services/contended/${early.uuid}`;
    await eventually(async () => (await raw.get(key)) !== undefined);
    await other.register("contended", publicHost("newest")).waitRegistration();
    const changed = early.credentialChanges().next();
    proxy.cut();
    proxy.heal();
    await early.waitRegistration();
    const credentials = { user: "user", password: "newest" };
    expect(await changed).toEqual({ done: false, value: credentials });
    expect(early.credentials()).toEqual(credentials);
    await eventually(async () => {
      const all = [...(await raw.list("/services")).entries()];
      const passwords = all.flatMap(([key, { value }]) =>
        key.includes("contended") ? [(JSON.parse(value) as { password: string }).password] : [],
      );
      expect(passwords).toEqual(["newest", "newest", "newest"]);
    });
    expect((await raw.get(key))?.created).toBeLessThan((await raw.get(key))?.revision ?? 0);
  });
});
