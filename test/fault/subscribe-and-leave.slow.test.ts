import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { etcdMetrics } from "../support/etcd-metrics.ts";
import { eventually } from "../support/eventually.ts";
import { heapBytes } from "../support/heap.ts";
import { manyHosts, nthId, nthValue } from "../support/many-hosts.ts";
import { putOneByOne } from "../support/put-one-by-one.ts";
import { RawEtcd } from "../support/raw-etcd.ts";

const cycles = 10_000;

/** How many subscribe at the same time. */
const width = 20;

test("10,000 who subscribe and leave, in whatever way, leave nothing behind: no memory, no listener, no watch on etcd", async () => {
  await using etcd = await startEtcd();
  await putOneByOne(etcd.endpoint, [...manyHosts("shared", 2), ...manyHosts("own", 2)]);
  await using discovery = new Discovery({ endpoints: etcd.endpoints });
  const stays = discovery.subscribe("shared");
  await stays.waitReady();
  const { signal } = new AbortController();
  const enough = new Error("enough");

  const ways: readonly ((service: string) => Promise<unknown>)[] = [
    // Before anything is known.
    async (service) => {
      await discovery.subscribe(service, { signal }).return();
    },
    // When it is established.
    async (service) => {
      const subscription = discovery.subscribe(service, { signal });
      await subscription.waitReady({ signal });
      await subscription.return();
    },
    // By leaving the loop.
    async (service) => {
      for await (const _ of discovery.subscribe(service, { existing: true })) break;
    },
    // By a signal, while it waits for what never comes.
    async (service) => {
      const leaving = new AbortController();
      const subscription = discovery.subscribeDown(service, { signal: leaving.signal });
      await subscription.waitReady();
      const waiting = subscription.next();
      leaving.abort(enough);
      // Not by expect(), which keeps what it is given.
      assert.equal(await waiting.catch((error: unknown) => error), enough);
    },
    // With a view in hand.
    async (service) => {
      await using views = discovery.changes(service, { signal });
      const { value: view } = await views.next();
      assert.equal(view?.hosts.length, 2);
    },
  ];
  const cycle = async (from: number, to: number): Promise<void> => {
    for (let at = from; at < to; at += width) {
      const each = Array.from({ length: width }, (_, index) => {
        // A service that others follow, and one that nobody followed before and nobody follows after.
        const service = (at / width) % 2 === 0 ? "shared" : "own";
        return ways[(at + index) % ways.length]?.(service) ?? Promise.reject(new Error("no way"));
      });
      await Promise.all(each);
    }
  };
  const left = async (): Promise<void> => {
    await eventually(async () => {
      const { watchers, watchStreams } = await etcdMetrics(etcd);
      expect({ watchers, watchStreams }).toEqual({ watchers: 2, watchStreams: 1 });
    });
    expect(discovery.health().services.map(({ service }) => service)).toEqual(["shared"]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  };

  await cycle(0, cycles / 5);
  await left();
  const before = await heapBytes();
  const resources = process.getActiveResourcesInfo().length;
  await cycle(cycles / 5, cycles);
  await left();
  expect((await heapBytes()) - before).toBeLessThan(1e6);
  expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(resources + 2);

  await new RawEtcd(etcd).put(`/services/shared/${nthId(5)}`, nthValue("shared", 5));
  expect(await stays.next()).toMatchObject({ value: { type: "up", host: { uuid: nthId(5) } } });
  await stays.return();
  await eventually(async () => expect((await etcdMetrics(etcd)).watchers).toBe(0));
});
