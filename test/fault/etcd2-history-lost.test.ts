import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { type EtcdCluster, startEtcd, startProxy } from "../../src/testing/index.ts";
import { apis, fillHistory } from "../support/apis.ts";
import { eventually } from "../support/eventually.ts";
import { hostValue } from "../support/host-value.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";
import { witness } from "../support/witness.ts";

let etcd: EtcdCluster;
let raw: RawEtcdV2;

beforeAll(async () => {
  etcd = await startEtcd({ args: ["--enable-v2"] });
  raw = new RawEtcdV2(etcd.endpoint);
});
afterAll(() => etcd.stop());

const put = (service: string, id: string, shard: string, to = raw) =>
  to.put(`/services/${service}/${id}`, Buffer.from(hostValue(service, id, shard)).toString());

/** How many polls there are on etcd: two for a service that is followed. */
const watchersOf = (cluster: EtcdCluster) => apis.find(({ api }) => api === 2)?.watchers(cluster);

describe.concurrent(
  "a follower by etcd's v2 API, which keeps 1,000 events",
  { timeout: 60_000 },
  () => {
    test("is told all that lasts, once and in order, though it is cut off again and again, and history is lost meanwhile", async () => {
      const service = "cut-often";
      await using proxy = await startProxy(etcd.endpoint);
      await using discovery = new Discovery({ api: 2, endpoints: [proxy.endpoint] });
      const follower = witness(discovery, service);
      await follower.ready();
      for (let round = 0; round < 5; round += 1) {
        if (round % 2 === 0) proxy.cut();
        else proxy.refuse();
        for (let change = 0; change < 20; change += 1) {
          const id = `host-${(round * 7 + change) % 11}`;
          if (change % 3 === 0) await raw.delete(`/services/${service}/${id}`).catch(() => {});
          else await put(service, id, `${round}.${change}`);
        }
        if (round === 1 || round === 3) await fillHistory(raw);
        proxy.heal();
        if (round % 2 === 1) await follower.agrees(raw, 10_000);
      }
      await follower.agrees(raw, 10_000);
    });

    test("that is told of more at once than etcd keeps for it ends with what is there", async () => {
      const service = "many-at-once";
      await using discovery = new Discovery({ api: 2, endpoints: etcd.endpoints });
      const follower = witness(discovery, service);
      await follower.ready();
      const ids = Array.from({ length: 700 }, (_, index) => `host-${index}`);
      await Promise.all(ids.map((id) => put(service, id, "1")));
      await Promise.all(ids.map((id) => put(service, id, "2")));
      await follower.agrees(raw, 15_000);
      await raw.delete(`/services/${service}`, { recursive: true });
      await follower.agrees(raw, 10_000);
      expect(follower.known.size).toBe(0);
    });

    test("of a service where nothing happens is not told of what happens elsewhere, and told when something does", async () => {
      const service = "quiet";
      // Where nobody else floods it: history may be lost, too, before it is followed at all.
      await using calm = await startEtcd({ args: ["--enable-v2"] });
      const own = new RawEtcdV2(calm.endpoint);
      await using discovery = new Discovery({ api: 2, endpoints: calm.endpoints });
      await put(service, "a", "1", own);
      const follower = witness(discovery, service);
      await follower.agrees(own);
      await eventually(async () => (await watchersOf(calm)) === 2, 10_000, 20);
      const { length } = follower.views;
      await own.put("/elsewhere/first", "");
      await fillHistory(own);
      await sleep(200);
      expect(follower.views.slice(length)).toEqual([]);
      await put(service, "b", "1", own);
      await eventually(() => expect(follower.told).toEqual(["up a 1", "up b 1"]), 10_000);
      follower.check();
    });
  },
);
