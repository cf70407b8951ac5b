import { describe, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { type EtcdCluster, startEtcd, startProxy, type TcpProxy } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { hostValue } from "../support/host-value.ts";
import { putOneByOne } from "../support/put-one-by-one.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { witness, type Witness } from "../support/witness.ts";

/** What is promised, in milliseconds. */
const noticedWithin = 10_000;

async function putHost(etcd: EtcdCluster, id: string, shard?: string): Promise<void> {
  const raw = new RawEtcd(etcd);
  await raw.put(`/services/api/${id}`, hostValue("api", id, shard), await raw.grant());
}

/** Writes that concern nobody here, so that revisions go on. */
async function writeElsewhere(etcd: EtcdCluster, count: number): Promise<void> {
  const value = Buffer.from("1");
  const writes = Array.from({ length: count }, (): [string, Uint8Array] => ["/elsewhere", value]);
  await putOneByOne(etcd.endpoint, writes);
}

async function revisionOf(etcd: EtcdCluster): Promise<number> {
  const { header } = await etcd.call("/v3/kv/range", { key: "AA==" });
  return Number((header as { revision: string }).revision);
}

const isStale = (seen: Witness): boolean => seen.views.at(-1)?.freshness.source === "stale";

interface Stage {
  readonly etcd: EtcdCluster;
  readonly proxy: TcpProxy;
  readonly seen: Witness;
}

/** Follows `hosts` through a proxy, and when all are told does `then`. */
async function following(hosts: readonly string[], then: (stage: Stage) => Promise<void>) {
  await using etcd = await startEtcd();
  await using proxy = await startProxy(etcd.endpoint);
  await using discovery = new Discovery({ endpoints: [proxy.endpoint] });
  for (const id of hosts) await putHost(etcd, id);
  await writeElsewhere(etcd, 50);
  await using seen = witness(discovery, "api");
  await seen.agrees(etcd);
  expect(seen.events).toHaveLength(hosts.length);
  await then({ etcd, proxy, seen });
}

/** Checks that all is told within the promised time, what is told from then on too. */
async function expectNoticed(etcd: EtcdCluster, seen: Witness, told: readonly string[]) {
  await seen.agrees(etcd, noticedWithin);
  expect(seen.told.toSorted()).toEqual(told.toSorted());
  await putHost(etcd, "later");
  await eventually(() => expect(seen.told.at(-1)).toBe("up later"));
  await seen.agrees(etcd);
}

describe("when another cluster answers at etcd's address", () => {
  test.each([
    ["behind the revision that is watched", 0],
    ["far beyond the revision that is watched", 500],
  ])("that is %s, the difference is told", async (_, ahead) => {
    await following(["a", "b"], async ({ etcd, proxy, seen }) => {
      await using other = await startEtcd();
      await putHost(other, "b");
      await putHost(other, "c");
      await writeElsewhere(other, ahead);
      expect((await revisionOf(other)) > (await revisionOf(etcd))).toBe(ahead > 0);
      proxy.redirect(other.endpoint);
      await expectNoticed(other, seen, ["up a", "up b", "down a resync", "up c"]);
    });
  });
});

describe("when etcd lost its disk", () => {
  test.each([
    ["the hosts that are gone and new", ["a", "b"], ["up a", "up b", "down a resync", "up c"]],
    ["the hosts of a service that had none", [], ["up b", "up c"]],
  ])("and has gone beyond what was seen, %s are told", async (_, hosts, told) => {
    await following(hosts, async ({ etcd, proxy, seen }) => {
      const revision = await revisionOf(etcd);
      proxy.refuse();
      await eventually(() => isStale(seen));
      await etcd.wipe();
      await putHost(etcd, "b");
      await putHost(etcd, "c");
      await writeElsewhere(etcd, 300);
      expect(await revisionOf(etcd)).toBeGreaterThan(revision);
      proxy.heal();
      await expectNoticed(etcd, seen, told);
    });
  });
});

describe("when etcd came back as it was before", () => {
  test("at a revision that is behind what is watched, the difference is told", async () => {
    await following(["a", "b"], async ({ etcd, seen }) => {
      const backup = await etcd.backup();
      await putHost(etcd, "c");
      await new RawEtcd(etcd).delete("/services/api/a");
      await writeElsewhere(etcd, 100);
      await eventually(() => seen.events.length === 4);
      await etcd.restore(backup);
      const before = ["up a", "up b", "up c", "down a expired"];
      await expectNoticed(etcd, seen, [...before, "up a", "down c resync"]);
    });
  });

  test.each([
    ["has gone beyond what was seen", false],
    ["has gone beyond what was seen and compacted up to there", true],
  ])("and %s, the hosts that it does not know are told as gone", async (_, compact) => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoint);
    await using discovery = new Discovery({ endpoints: [proxy.endpoint] });
    await putHost(etcd, "a");
    const backup = await etcd.backup();
    await putHost(etcd, "b");
    await writeElsewhere(etcd, 50);
    await using seen = witness(discovery, "api");
    await seen.agrees(etcd);
    const revision = await revisionOf(etcd);
    proxy.refuse();
    await eventually(() => isStale(seen));
    await etcd.restore(backup);
    await putHost(etcd, "c");
    await writeElsewhere(etcd, 300);
    if (compact) await etcd.compact(revision);
    proxy.heal();
    await expectNoticed(etcd, seen, ["up a", "up b", "down b resync", "up c"]);
  });
});
