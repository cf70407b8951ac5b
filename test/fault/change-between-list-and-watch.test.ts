import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd, startProxy } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { hostValue } from "../support/host-value.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { witness, type Witness } from "../support/witness.ts";

const key = (id: string): string => `/services/api/${id}`;

/** For as many writes as it takes, in milliseconds. */
const patience = 15_000;

test("whoever begins to follow while hosts come and go all the time is told of each that stays", async () => {
  await using etcd = await startEtcd();
  const raw = new RawEtcd(etcd);
  const everybody: Witness[] = [];
  let writes = 0;
  let writing = true;
  const write = async (): Promise<void> => {
    while (writing) {
      writes += 1;
      const [id, next] = [`h${writes}`, `next-${writes}`];
      await raw.put(key(id), hostValue("api", id));
      await raw.put(key(next), hostValue("api", next));
      await raw.delete(key(id));
    }
  };
  const writers = Promise.all([write(), write(), write(), write()]);
  const discoveries = Array.from({ length: 8 }, () => new Discovery({ endpoints: etcd.endpoints }));
  try {
    for (const [index, discovery] of discoveries.entries()) {
      await eventually(() => writes > 4 * index, patience);
      everybody.push(witness(discovery, "api"));
    }
    await eventually(() => writes > 40, patience);
    writing = false;
    await writers;
    await Promise.all(everybody.map((seen) => seen.agrees(etcd, patience)));
    for (const seen of everybody) {
      // Nothing of it by listing again.
      expect(seen.told.filter((event) => event.endsWith("resync"))).toEqual([]);
    }
  } finally {
    writing = false;
    await Promise.all(discoveries.map((discovery) => discovery.close()));
  }
});

test("what changes between the listing and a watch that comes late is told", async () => {
  await using etcd = await startEtcd();
  await using proxy = await startProxy(etcd.endpoint);
  await using discovery = new Discovery({ endpoints: [proxy.endpoint] });
  const raw = new RawEtcd(etcd);
  const lease = await raw.grant();
  for (const id of ["a", "b"]) await raw.put(key(id), hostValue("api", id), lease);
  await using seen = witness(discovery, "api");
  // Listed; the watch is on its way and does not arrive.
  await eventually(() => {
    proxy.stall("up");
    return seen.events.length === 2 || (proxy.heal(), false);
  });
  await raw.delete(key("a"));
  await raw.put(key("b"), hostValue("api", "b", "1"));
  await raw.put(key("c"), hostValue("api", "c"));
  proxy.heal();
  await seen.agrees(etcd);
  expect(seen.told).toEqual(["up a", "up b", "down a expired", "update b 1", "up c"]);
});

test("a service that nobody knows is told as an empty set, and its first host as it comes", async () => {
  await using etcd = await startEtcd();
  await using discovery = new Discovery({ endpoints: etcd.endpoints });
  await using seen = witness(discovery, "nobody");
  await seen.agrees(etcd);
  expect(seen.views[0]).toMatchObject({ hosts: [], added: [], removed: [], updated: [] });
  expect(seen.views[0]?.info).toBeUndefined();
  await new RawEtcd(etcd).put("/services/nobody/a", hostValue("nobody", "a"));
  await seen.agrees(etcd);
  expect(seen.told).toEqual(["up a"]);
});
