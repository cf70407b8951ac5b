import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { hostValue } from "../support/host-value.ts";
import { putOneByOne } from "../support/put-one-by-one.ts";
import { RawEtcd } from "../support/raw-etcd.ts";

const key = (id: string): string => `/services/api/${id}`;

test("a reader that never reads costs no more than the hosts there are, and gets the newest of each", async () => {
  await using etcd = await startEtcd();
  await using discovery = new Discovery({ endpoints: etcd.endpoints });
  const never = discovery.subscribe("api", { existing: true });
  const view = discovery.changes("api");
  await Promise.all([never.waitReady(), view.waitReady()]);
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const filling = "x".repeat(2_000);
  const update = (from: number, to: number): Promise<void> =>
    putOneByOne(
      etcd.endpoint,
      Array.from({ length: to - from }, (_, index): [string, Uint8Array] => {
        const id = `h${(from + index) % 20}`;
        return [key(id), hostValue("api", id, `${from + index} ${filling}`)];
      }),
    );
  const settled = async (last: string): Promise<number> => {
    await new RawEtcd(etcd).put(key(last), hostValue("api", last));
    for await (const { host } of discovery.subscribe("api", { existing: true })) {
      if (host.uuid === last) break;
    }
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  await update(0, 500);
  const before = await settled("early");
  await update(500, 10_500);
  const after = await settled("late");
  // 10,000 records of 2 KB were told meanwhile.
  expect(after - before).toBeLessThan(2_000_000);

  const told = new Map<string, string>();
  for (let count = 0; count < 22; count += 1) {
    const { value } = await never.next();
    if (value === undefined) break;
    expect([value.type, told.has(value.host.uuid)]).toEqual(["up", false]);
    told.set(value.host.uuid, value.host.shard.split(" ")[0] ?? "");
  }
  expect(told.size).toBe(22);
  expect(Number(told.get("h0"))).toBeGreaterThanOrEqual(10_400);
  const { value } = await view.next();
  expect(value?.hosts).toHaveLength(22);
});
