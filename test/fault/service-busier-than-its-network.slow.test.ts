import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd, startProxy } from "../../src/testing/index.ts";
import { collect } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { measured } from "../support/measured.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";

const service = "busy";
const value = '{"name":"node","ports":{"http":"80"}}';

/** How soon somebody who is up to date is told, on a busy machine too. */
const promptMs = 400;

test("whose hosts are rewritten faster than etcd answers polls is followed promptly, also after a cut", async () => {
  await using etcd = await startEtcd({ args: ["--enable-v2"] });
  const raw = new RawEtcdV2(etcd.endpoint);
  await using proxy = await startProxy(etcd.endpoint);
  await using follower = new Discovery({ api: 2, endpoints: [proxy.endpoint] });
  const subscription = follower.subscribe(service);
  await subscription.waitReady();
  const events = collect(subscription, ({ type, host, reason }) =>
    [type, host.uuid, reason].join(" ").trim(),
  );
  proxy.delay(5);

  // As 1,000 hosts of older clients do, each of which is rewritten every 4 s.
  const ending = new AbortController();
  const rewriting = Array.from({ length: 5 }, async (_, i) => {
    while (!ending.signal.aborted) {
      await raw.put(`/services/${service}/host-${i}`, value, 60);
      await sleep(20);
    }
  });
  try {
    await eventually(() => events.items.length === 5);
    for (let cut = 0; cut < 3; cut += 1) {
      proxy.cut();
      const cutAt = performance.now();
      let inRow = 0;
      for (let i = 0; inRow < 10; i += 1) {
        const id = `new-${cut}-${i}`;
        const putAt = performance.now();
        await raw.put(`/services/${service}/${id}`, value, 60);
        await eventually(() => events.items.includes(`up ${id}`), 10_000);
        inRow = performance.now() - putAt < promptMs ? inRow + 1 : 0;
        await raw.delete(`/services/${service}/${id}`);
        expect(performance.now() - cutAt, "until it was up to date").toBeLessThan(20_000);
      }
      measured("a follower of a busy service prompt again after a cut", performance.now() - cutAt);
    }
    // The hosts that stayed were told of once.
    const stayed = events.items.filter((told) => told.includes("host-"));
    expect(stayed.sort()).toEqual([0, 1, 2, 3, 4].map((i) => `up host-${i}`));
  } finally {
    ending.abort();
    await Promise.all(rewriting);
  }
});
