import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { startEtcd, startProxy } from "../../src/testing/index.ts";
import { busyService, startBusyClient } from "../support/busy-client.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";

const ttlSeconds = 5;

test("the one address that is known leads to another member, the old connection silent for ever: nothing is lost", async () => {
  await using etcd = await startEtcd({ size: 3 });
  const [first, second] = etcd.members;
  if (first === undefined || second === undefined) throw new Error("there are three");
  await using name = await startProxy(first.endpoint);
  await using network = await startProxy(name.endpoint);
  await using client = await startBusyClient(etcd, { endpoints: [network.endpoint], ttlSeconds });
  await client.follower.agrees(etcd);
  const key = `/services/${busyService}/${client.registration.uuid}`;
  const raw = new RawEtcd(etcd);
  const before = await raw.get(key);

  // As when a pod moves: packets to its old address vanish, and the name has another one.
  network.drop();
  name.redirect(second.endpoint);
  const droppedAt = performance.now();
  const { connections } = name;
  await eventually(() => name.connections > connections, 10_000);
  const noticedMs = performance.now() - droppedAt;
  await client.registration.update({ weight: 2 });
  await client.follower.agrees(etcd);
  console.log(`noticed after ${Math.round(noticedMs)} ms`);
  await sleep(ttlSeconds * 1_300 - (performance.now() - droppedAt));
  expect(client.states).toEqual([]);
  expect((await raw.get(key))?.created).toBe(before?.created);
  expect(client.lookups.failures).toEqual([]);
  expect(client.follower.told.length).toBe(2);
  client.follower.check();
});
