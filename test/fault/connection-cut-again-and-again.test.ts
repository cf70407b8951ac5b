import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { startEtcd, startProxy } from "../../src/testing/index.ts";
import { busyService, startBusyClient } from "../support/busy-client.ts";
import { RawEtcd } from "../support/raw-etcd.ts";

test("connections that serve for a moment and are cut are not stormed: a back-off ends only when one lasts", async () => {
  await using etcd = await startEtcd();
  await using proxy = await startProxy(etcd.endpoint);
  await using client = await startBusyClient(etcd, { endpoints: [proxy.endpoint] });
  await client.follower.agrees(etcd);
  const key = `/services/${busyService}/${client.registration.uuid}`;
  const before = await new RawEtcd(etcd).get(key);
  const connections = proxy.connections;

  // Calls and lookups have connections of their own, each with a random back-off: over 9 s they come to
  // 4.4 a second on average, and to 6 not once in 20,000 times. Without a back-off it would be 16 each.
  const begunAt = performance.now();
  while (performance.now() - begunAt < 9_000) {
    // It has served: there is a connection, and all that waited for one was sent.
    await sleep(60);
    if (proxy.open > 0) proxy.cut();
  }
  const seconds = (performance.now() - begunAt) / 1_000;
  const perSecond = (proxy.connections - connections) / seconds;
  console.log(`${perSecond.toFixed(1)} connections a second`);
  expect(perSecond).toBeLessThan(6);
  await client.follower.agrees(etcd);
  expect(client.states).toEqual([]);
  expect((await new RawEtcd(etcd).get(key))?.created).toBe(before?.created);
  // One that is cut at each try for as long as it may take can only fail, and says why.
  for (const failure of client.lookups.failures) {
    expect(failure).toMatchObject({ code: "UNAVAILABLE", retryable: true });
  }
});
