import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { hostKey } from "../../src/model/keys.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { heapBytes } from "../support/heap.ts";
import { manyHosts, nthId, nthValue } from "../support/many-hosts.ts";
import { putOneByOne } from "../support/put-one-by-one.ts";
import { RawEtcd } from "../support/raw-etcd.ts";

const hosts = 100;
const updates = 100_000;

test("a subscriber that never reads holds no more after 100,000 updates than after 10,000, and then reads the newest", async () => {
  await using etcd = await startEtcd();
  const raw = new RawEtcd(etcd);
  await putOneByOne(etcd.endpoint, manyHosts("api", hosts));
  await using discovery = new Discovery({ endpoints: etcd.endpoints });
  const never = {
    events: discovery.subscribe("api"),
    existing: discovery.subscribe("api", { existing: true }),
    came: discovery.subscribeNew("api"),
    went: discovery.subscribeDown("api"),
    views: discovery.changes("api"),
  };
  const once = discovery.changes("api");
  await once.next();
  await Promise.all(Object.values(never).map((each) => each.waitReady()));

  /** Writes hosts again and again, each time with others that come and go. */
  async function write(from: number, to: number): Promise<void> {
    for (let at = from; at < to; at += hosts) {
      const round = Array.from({ length: hosts }, (_, index): [string, Uint8Array] => [
        hostKey("", "api", nthId(index)),
        nthValue("api", index, `shard-${at}`),
      ]);
      await putOneByOne(etcd.endpoint, round);
      if (at % 1_000 === 0) {
        const passing = hostKey("", "api", `passing-${at}`);
        await raw.put(passing, nthValue("api", 0));
        await raw.delete(passing);
      }
    }
  }
  const told = async (): Promise<void> => {
    const { revision } = (await raw.get(hostKey("", "api", nthId(hosts - 1)))) ?? { revision: 0 };
    await eventually(() => (discovery.health().services[0]?.revision ?? 0) >= revision, 60_000);
  };
  await write(0, updates / 10);
  await told();
  const before = await heapBytes();
  await write(updates / 10, updates);
  await told();
  expect((await heapBytes()) - before).toBeLessThan(2e6);

  const newest = `shard-${updates - hosts}`;
  for (const [name, expected] of [
    ["events", "update"],
    ["existing", "up"],
  ] as const) {
    for (let read = 0; read < hosts; read += 1) {
      const { value: event } = await never[name].next();
      expect(event).toMatchObject({ type: expected, host: { shard: newest } });
    }
  }
  for (const views of [never.views, once]) {
    const { value: view } = await views.next();
    expect(view?.hosts.map(({ shard }) => shard)).toEqual(Array(hosts).fill(newest));
    expect(view?.removed).toEqual([]);
  }
  // One that goes now is the first news that these have.
  await raw.delete(hostKey("", "api", nthId(0)));
  expect(await never.went.next()).toMatchObject({ value: { uuid: nthId(0), shard: newest } });
  await raw.put(hostKey("", "api", "last"), nthValue("api", 0));
  expect(await never.came.next()).toMatchObject({ value: { uuid: "last" } });
});
