import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Discovery, type HostEvent } from "../../src/index.ts";
import { hostKey } from "../../src/model/keys.ts";
import { type EtcdCluster, startEtcd, startProxy, type TcpProxy } from "../../src/testing/index.ts";
import { type Collected, collect } from "../support/collect.ts";
import { etcdMetrics } from "../support/etcd-metrics.ts";
import { eventually } from "../support/eventually.ts";
import { heapBytes } from "../support/heap.ts";
import { hostValue } from "../support/host-value.ts";
import { measured } from "../support/measured.ts";
import { putOneByOne } from "../support/put-one-by-one.ts";

const count = 1_000;
const services = Array.from({ length: count }, (_, index) => `service-${index}`);

let etcd: EtcdCluster;
let proxy: TcpProxy;
let discovery: Discovery;
let lease: string;
let told: Collected<string>;

/** A host of this id in each of the services. */
const one = (id: string): [key: string, value: Uint8Array][] =>
  services.map((service) => [hostKey("", service, id), hostValue(service, id)]);

const show = ({ type, host }: HostEvent): string => `${type} ${host.serviceName} ${host.uuid}`;

const each = (text: string): string[] => services.map((service) => text.replace("*", service));

/** Resolves when every service has told this, and nothing else was told. */
async function expectTold(...texts: string[]): Promise<void> {
  const expected = texts.flatMap(each).sort();
  await eventually(() => told.items.length >= expected.length, 30_000);
  expect(told.take().sort()).toEqual(expected);
}

beforeEach(async () => {
  etcd = await startEtcd();
  proxy = await startProxy(etcd.endpoint);
  // As hosts have one; what has none may be of another history.
  const { ID } = await etcd.call("/v3/lease/grant", { TTL: 600 });
  lease = String(ID);
  await putOneByOne(etcd.endpoint, one("a"), lease);
  discovery = new Discovery({ endpoints: [proxy.endpoint] });
  await discovery.get("any").service();
});

afterEach(async () => {
  await discovery.close();
  await proxy.stop();
  await etcd.stop();
});

async function followAll(): Promise<void> {
  const start = performance.now();
  const subscriptions = services.map((service) => discovery.subscribe(service, { existing: true }));
  const merged = subscriptions.map((subscription) => collect(subscription, show));
  await Promise.all(subscriptions.map((subscription) => subscription.waitReady()));
  measured("1,000 services: all ready", performance.now() - start);
  told = {
    get items() {
      return merged.flatMap(({ items }) => items);
    },
    ended: Promise.resolve(),
    take: () => merged.flatMap((collected) => collected.take()),
  };
  await eventually(async () => (await etcdMetrics(etcd)).watchers === 2 * count);
  await expectTold("up * a");
}

/** How many services say that they may have missed something. */
const stale = (): number =>
  discovery.health().services.filter(({ source }) => source === "stale").length;

describe("1,000 services that one process follows", () => {
  test("share one connection and one stream, and take little memory", async () => {
    const before = await heapBytes();
    await followAll();
    const { watchStreams } = await etcdMetrics(etcd);
    expect(watchStreams).toBe(1);
    expect(proxy.open).toBe(1);
    expect(((await heapBytes()) - before) / count).toBeLessThan(30e3);
  });

  test("go on after etcd was restarted, and none is listed again", async () => {
    await followAll();
    proxy.refuse();
    await eventually(() => stale() === count);
    await etcd.restart();
    await putOneByOne(etcd.endpoint, one("b"), lease);
    const { calls } = await etcdMetrics(etcd);
    const since = performance.now();
    proxy.heal();
    await expectTold("up * b");
    measured("1,000 services: all follow again", performance.now() - since);
    // It asks whether this is still the same etcd.
    expect((await etcdMetrics(etcd)).calls - calls).toBeLessThan(5);
    expect((await etcdMetrics(etcd)).watchStreams).toBe(1);
  });

  test("are listed once each when etcd has forgotten what came meanwhile", async () => {
    await followAll();
    proxy.refuse();
    await eventually(() => stale() === count);
    await putOneByOne(etcd.endpoint, one("b"), lease);
    await etcd.restart();
    await etcd.compact();
    const { calls } = await etcdMetrics(etcd);
    const connections = proxy.connections;
    const since = performance.now();
    proxy.heal();
    await expectTold("up * b");
    measured("1,000 services: all listed again", performance.now() - since);
    await eventually(() => stale() === 0);
    expect((await etcdMetrics(etcd)).calls - calls).toBeLessThan(count + 5);
    // None of them was late for another: nobody gave the connection up.
    expect(proxy.connections - connections).toBeLessThan(20);
    expect(discovery.health().services.every(({ resyncs }) => resyncs === 1)).toBe(true);
  });
});
