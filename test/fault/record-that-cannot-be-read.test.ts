import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd, startProxy } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { hostValue, infoValue } from "../support/host-value.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { witness } from "../support/witness.ts";

const key = (id: string, service = "api"): string => `/services/${service}/${id}`;

test("a record that turns to rubbish keeps its last good value, through cuts and compactions, until it is good or gone", async () => {
  await using etcd = await startEtcd();
  await using proxy = await startProxy(etcd.endpoint);
  await using discovery = new Discovery({ endpoints: [proxy.endpoint] });
  const raw = new RawEtcd(etcd);
  for (const id of ["a", "b", "c"]) await raw.put(key(id), hostValue("api", id, "1"));
  await raw.put("/services_infos/api", infoValue("api", "good"));
  await using seen = witness(discovery, "api");
  await seen.agrees(etcd);

  await raw.put(key("a"), "{");
  await raw.put(key("b"), "\u0000\u00ff");
  await raw.put("/services_infos/api", '"none"');
  await raw.put(key("c"), hostValue("api", "c", "2"));
  await eventually(() => expect(seen.told.at(-1)).toBe("update c 2"));
  const lastGood = () => {
    const { hosts = [], info } = seen.views.at(-1) ?? {};
    expect(hosts.map(({ uuid, shard }) => `${uuid}${shard}`).sort()).toEqual(["a1", "b1", "c2"]);
    expect(info?.password).toBe("good");
  };
  lastGood();

  // Followed from where it was, and listed again.
  for (const compact of [false, true]) {
    proxy.refuse();
    await eventually(() => seen.views.at(-1)?.freshness.source === "stale");
    await raw.put(key("other"), hostValue("api", "other"));
    await raw.delete(key("other"));
    if (compact) await etcd.compact();
    proxy.heal();
    await seen.agrees(etcd);
    lastGood();
  }

  await raw.put(key("a"), hostValue("api", "a", "3"));
  await raw.delete(key("b"));
  await raw.put("/services_infos/api", infoValue("api", "better"));
  await seen.agrees(etcd);
  // It may still be about to list again.
  const told = seen.told.filter((event) => !event.includes("other")).slice(-2);
  expect(told[0]).toBe("update a 3");
  expect(told[1]).toMatch(/^down b 1 (expired|resync)$/);
  expect(seen.views.at(-1)?.info?.password).toBe("better");
});

test("rubbish that was never anything else fails no lookup, and is nobody's host", async () => {
  await using etcd = await startEtcd();
  await using discovery = new Discovery({ endpoints: etcd.endpoints });
  const raw = new RawEtcd(etcd);
  await raw.put(key("a"), hostValue("api", "a"));
  for (const [id, value] of [
    ["empty", ""],
    ["null", "null"],
    ["list", "[]"],
    ["text", '"text"'],
    ["number", "1"],
    ["half", '{"name":"x"'],
    ["bytes", Buffer.from([0xff, 0xfe, 0x00])],
    ["deeper/key", "{}"],
    ["", "{}"],
  ] as const) {
    await raw.put(key(id), value);
  }
  await using seen = witness(discovery, "api");
  await seen.agrees(etcd);
  expect((await discovery.get("api").all()).map(({ uuid }) => uuid)).toEqual(["a"]);
  expect((await discovery.get("api").one()).uuid).toBe("a");
  expect(seen.told).toEqual(["up a"]);
});

test("services whose names begin alike see nothing of each other", async () => {
  await using etcd = await startEtcd();
  await using discovery = new Discovery({ endpoints: etcd.endpoints });
  const raw = new RawEtcd(etcd);
  // "0" follows "/" in the order of bytes.
  const services = ["demo", "demo-b", "demo0", "demo.", "dem", "demo demo", "demo\u{10ffff}"];
  const all = services.map((service) => witness(discovery, service));
  for (const service of services) {
    await raw.put(key("same", service), hostValue(service, "same", service));
  }
  await Promise.all(all.map((seen) => seen.agrees(etcd)));
  for (const service of services) await raw.delete(key("same", service));
  await Promise.all(all.map((seen) => seen.agrees(etcd)));
  for (const seen of all) {
    const { service } = seen;
    expect(seen.told).toEqual([`up same ${service}`, `down same ${service} expired`]);
  }
});
