import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { decodeHost, encodeHost } from "../../src/model/record.ts";
import { type EtcdCluster, startEtcd, startProxy } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { hostValue } from "../support/host-value.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { witness, type Witness } from "../support/witness.ts";

const ids = Array.from({ length: 20 }, (_, index) => `h${index}`);

const base64 = (data: string | Uint8Array): string => Buffer.from(data).toString("base64");

const key = (id: string): string => base64(`/services/api/${id}`);

/** Writes all hosts at one revision; `shard` tells which. */
async function writeAll(etcd: EtcdCluster, shard: string, bytes = 0): Promise<void> {
  const lease = await new RawEtcd(etcd).grant();
  const success = ids.map((id) => {
    const record = decodeHost(hostValue("api", id, shard), "api", id);
    const value = encodeHost({ ...record, metadata: { filling: "x".repeat(bytes) } });
    return { request_put: { key: key(id), value: base64(value), lease } };
  });
  await etcd.call("/v3/kv/txn", { success });
}

async function deleteAll(etcd: EtcdCluster): Promise<void> {
  const success = ids.map((id) => ({ request_delete_range: { key: key(id) } }));
  await etcd.call("/v3/kv/txn", { success });
}

/** Each view shows all that was written at one revision, or nothing of it. */
function expectWhole({ views }: Witness): void {
  for (const { hosts } of views) {
    expect([0, ids.length]).toContain(hosts.length);
    expect(new Set(hosts.map(({ shard }) => shard)).size).toBeLessThan(2);
  }
}

test("hosts that change in one transaction are seen to change at once", async () => {
  await using etcd = await startEtcd();
  await using discovery = new Discovery({ endpoints: etcd.endpoints });
  await using seen = witness(discovery, "api");
  await seen.agrees(etcd);
  for (let round = 1; round <= 10; round += 1) {
    await writeAll(etcd, String(round));
    if (round % 4 === 0) await deleteAll(etcd);
  }
  await seen.agrees(etcd);
  expectWhole(seen);
  await deleteAll(etcd);
  await seen.agrees(etcd);
  // Known from before: etcd tells nothing but the key of what was deleted.
  const gone = seen.events.slice(-ids.length);
  expect(gone.map(({ type, host }) => `${type} ${host.hostname} ${host.shard}`).toSorted()).toEqual(
    ids.map((id) => `down ${id}.dev 10`).toSorted(),
  );
});

test("also in a backlog of several transactions that etcd sends in fragments", async () => {
  await using etcd = await startEtcd();
  await using proxy = await startProxy(etcd.endpoint);
  await using discovery = new Discovery({ endpoints: [proxy.endpoint] });
  await writeAll(etcd, "0");
  await using seen = witness(discovery, "api");
  await seen.agrees(etcd);
  proxy.refuse();
  await eventually(() => seen.views.at(-1)?.freshness.source === "stale");
  // Together more than the 1.5 MB that etcd puts in one message.
  for (let round = 1; round <= 5; round += 1) await writeAll(etcd, String(round), 40_000);
  proxy.heal();
  await seen.agrees(etcd);
  expectWhole(seen);
  expect(seen.told.filter((event) => event.endsWith("resync"))).toEqual([]);
  expect(seen.known.get("h0")?.shard).toBe("5");
});
