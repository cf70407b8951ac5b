import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { etcdMetrics } from "../support/etcd-metrics.ts";
import { eventually } from "../support/eventually.ts";
import { heapBytes } from "../support/heap.ts";
import { manyHosts, nthId } from "../support/many-hosts.ts";
import { measured } from "../support/measured.ts";
import { putOneByOne } from "../support/put-one-by-one.ts";

const count = 10_000;

let etcd: EtcdCluster;
let discovery: Discovery;

beforeAll(async () => {
  etcd = await startEtcd();
  await putOneByOne(etcd.endpoint, manyHosts("api", count));
});

afterAll(() => etcd.stop());

beforeEach(async () => {
  discovery = new Discovery({ endpoints: etcd.endpoints });
  // Connects, and compiles what is needed for one.
  await discovery.get("small").service();
  await discovery.changes("small").next();
});

afterEach(() => discovery.close());

/** The first view, of which nothing is kept but how many hosts it had. */
async function countFirst(): Promise<number> {
  const start = performance.now();
  const { value: view } = await discovery.changes("api").next();
  measured("first view of 10,000 hosts", performance.now() - start);
  return view?.hosts.length ?? 0;
}

describe("10,000 hosts in one service", () => {
  test("come in a few answers, and take at most 15 MB of heap", async () => {
    const before = await heapBytes();
    const { calls } = await etcdMetrics(etcd);
    expect(await countFirst()).toBe(count);
    expect((await etcdMetrics(etcd)).calls - calls).toBeLessThan(6);
    const bytes = (await heapBytes()) - before;
    expect(bytes).toBeLessThanOrEqual(15e6);
    // They are still followed: this is what they take, and not what is left of them.
    expect(bytes).toBeGreaterThan(2e6);
  });

  test("are not listed, sent or made again when one of them changes", async () => {
    const subscription = discovery.subscribe("api");
    const changes = discovery.changes("api");
    const { value: first } = await changes.next();
    await subscription.waitReady();
    await eventually(async () => (await etcdMetrics(etcd)).watchers === 4);
    const before = await etcdMetrics(etcd);
    const updates = 500;
    await putOneByOne(etcd.endpoint, manyHosts("api", updates, { shard: "other" }));
    const told = new Set<string>();
    while (told.size < updates) {
      const { value: event } = await subscription.next();
      expect(event?.type).toBe("update");
      told.add(event?.host.uuid ?? "");
    }
    expect([...told].sort()).toEqual(Array.from({ length: updates }, (_, index) => nthId(index)));
    const after = await etcdMetrics(etcd);
    expect(after.calls - before.calls).toBe(updates);
    expect((after.sentBytes - before.sentBytes) / updates).toBeLessThan(1_500);
    const { value: view } = await changes.next();
    const [hosts = [], known = []] = [view?.hosts, first?.hosts];
    expect(view?.updated.length).toBe(updates);
    expect(hosts.length).toBe(count);
    expect(hosts.filter((host, index) => host === known[index]).length).toBe(count - updates);
  });
});
