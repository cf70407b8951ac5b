import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd, startProxy, type TcpProxy } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { hostValue } from "../support/host-value.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { watchers } from "../support/watchers.ts";
import { witness } from "../support/witness.ts";

/** What is promised, in milliseconds. */
const noticedWithin = 10_000;

/** What keeps the news back, what of it is told all the same, and whether it mends by itself. */
test.each<[string, (proxy: TcpProxy) => void, readonly string[] | undefined]>([
  ["a connection that falls silent for ever", (proxy) => proxy.drop(), undefined],
  ["a network that stalls in both directions", (proxy) => proxy.stall(), ["a", "b"]],
  ["a network that brings nothing", (proxy) => proxy.stall("down"), ["a", "b"]],
  ["a network that takes nothing", (proxy) => proxy.stall("up"), ["b", "c"]],
])(
  "%s is noticed within 10 s by all discoveries of a process, and nothing is missed",
  async (_, fail, known) => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoint);
    const discoveries = Array.from(
      { length: 4 },
      () => new Discovery({ endpoints: [proxy.endpoint] }),
    );
    const raw = new RawEtcd(etcd);
    const lease = await raw.grant();
    const put = (id: string, shard?: string): Promise<void> =>
      raw.put(`/services/api/${id}`, hostValue("api", id, shard), lease);
    try {
      for (const id of ["a", "b"]) await put(id);
      const all = discoveries.map((discovery) => witness(discovery, "api"));
      await Promise.all(all.map((seen) => seen.agrees(etcd)));

      await eventually(async () => expect(await watchers(etcd)).toBe(8));
      fail(proxy);
      const since = performance.now();
      await raw.delete("/services/api/a");
      await put("b", "2");
      await put("c");
      await eventually(
        () => all.every(({ views }) => views.some(({ freshness }) => freshness.source === "stale")),
        noticedWithin,
      );
      const noticedMs = performance.now() - since;
      if (known !== undefined) {
        for (const seen of all) expect([...seen.known.keys()].sort()).toEqual(known);
        proxy.heal();
      }
      const leftMs = known === undefined ? noticedWithin - noticedMs : noticedWithin;
      await Promise.all(all.map((seen) => seen.agrees(etcd, leftMs)));
      for (const { told } of all) {
        expect(told).toEqual(["up a", "up b", "down a expired", "update b 2", "up c"]);
      }
    } finally {
      await Promise.all(discoveries.map((discovery) => discovery.close()));
    }
  },
);
