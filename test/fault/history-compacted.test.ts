import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { type EtcdCluster, startEtcd, startProxy, type TcpProxy } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { hostValue } from "../support/host-value.ts";
import { putOneByOne } from "../support/put-one-by-one.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { ScriptedEtcd } from "../support/scripted-etcd.ts";
import { witness, type Witness } from "../support/witness.ts";

let etcd: EtcdCluster;

beforeAll(async () => {
  etcd = await startEtcd();
});

beforeEach(async () => {
  const all = { key: btoa("/services/"), range_end: btoa("/services0") };
  await etcd.call("/v3/kv/deleterange", all);
});

afterAll(() => etcd.stop());

const key = (id: string): string => `/services/api/${id}`;

/** As a host that lives by a lease. */
async function put(id: string, shard?: string): Promise<void> {
  const raw = new RawEtcd(etcd);
  await raw.put(key(id), hostValue("api", id, shard), await raw.grant());
}

const remove = (id: string): Promise<void> => new RawEtcd(etcd).delete(key(id));

async function revisionOf(id: string): Promise<number> {
  return (await new RawEtcd(etcd).get(key(id)))?.revision ?? 0;
}

const stale = (seen: Witness): boolean => seen.views.at(-1)?.freshness.source === "stale";

/** Follows a service of three hosts through a proxy, and lets things happen to it. */
async function following(run: (proxy: TcpProxy, seen: Witness) => Promise<void>): Promise<void> {
  await using proxy = await startProxy(etcd.endpoint);
  const logger = recordingLogger();
  await using discovery = new Discovery({ endpoints: [proxy.endpoint], logger });
  for (const id of ["a", "b", "c"]) await put(id, "1");
  await using seen = witness(discovery, "api");
  await eventually(() => seen.events.length === 3);
  await seen.agrees(etcd);
  await run(proxy, seen);
  expect(logger.lines.filter(({ level }) => level === "error")).toEqual([]);
  // It goes on as before.
  await put("last");
  await eventually(() => expect(seen.told.at(-1)).toBe("up last"));
  await seen.agrees(etcd);
}

test.each([
  ["just before what it wants next", 0],
  ["at the very revision it wants next", 1],
  ["just after what it wants next", 2],
])("a watch that was away when etcd compacted %s is told the difference", async (_, beyond) => {
  await following(async (proxy, seen) => {
    const known = await revisionOf("c");
    proxy.refuse();
    await eventually(() => stale(seen));
    await remove("a");
    await put("b", "2");
    await put("d");
    await etcd.compact(known + beyond);
    proxy.heal();
    await seen.agrees(etcd);
    // Compacting at a revision keeps what was true then, and forgets the changes up to it.
    const reason = beyond < 1 ? "expired" : "resync";
    expect(seen.told.slice(3).toSorted()).toEqual([`down a 1 ${reason}`, "up d", "update b 2"]);
  });
});

test("a watch whose connection takes nothing while etcd compacts is told the difference", async () => {
  await following(async (proxy, seen) => {
    proxy.stall("down");
    await remove("a");
    await put("b", "2");
    await put("d");
    // More than what a connection holds, so that etcd has to keep the rest for later.
    const filler = Array.from({ length: 400 }, (_, index): [string, Uint8Array] => [
      key(`x${index % 50}`),
      hostValue("api", `x${index % 50}`, "z".repeat(5_000)),
    ]);
    await putOneByOne(etcd.endpoint, filler);
    await etcd.compact();
    proxy.heal();
    await seen.agrees(etcd);
    const told = seen.told.slice(3).filter((event) => !/^(up|update) x/.test(event));
    expect(told.map((event) => event.replace(/(expired|resync)/, "gone")).toSorted()).toEqual([
      "down a 1 gone",
      "up d",
      "update b 2",
    ]);
  });
});

test("compaction again and again, with connections cut in between, is never an error", async () => {
  await following(async (proxy, seen) => {
    for (let round = 1; round <= 15; round += 1) {
      if (round % 3 === 0) proxy.cut();
      await put("b", `round ${round}`);
      if (round % 3 === 1) proxy.cut();
      await etcd.compact();
      if (round % 3 === 2) proxy.cut();
      await put("c", `round ${round}`);
    }
    await seen.agrees(etcd);
  });
});

test("whoever follows again after all have left, and etcd has compacted, begins with what is there", async () => {
  await using discovery = new Discovery({ endpoints: etcd.endpoints });
  await put("a", "1");
  {
    await using first = witness(discovery, "api");
    await first.agrees(etcd);
    expect(first.told).toEqual(["up a 1"]);
  }
  await remove("a");
  await put("b");
  await etcd.compact();
  await using second = witness(discovery, "api");
  await second.agrees(etcd);
  expect(second.told).toEqual(["up b"]);
  await put("c");
  await eventually(() => expect(second.told).toEqual(["up b", "up c"]));
});

test("what was compacted between the listing and the watch is listed again", async () => {
  await using scripted = await ScriptedEtcd.start();
  await using discovery = new Discovery({ endpoints: [scripted.endpoint] });
  scripted.write({ [key("a")]: hostValue("api", "a") });
  let refusals = 0;
  scripted.onWatch = (stream) =>
    stream.each((watch) => {
      if (refusals < 4) {
        refusals += 1;
        scripted.write({ [key("b")]: hostValue("api", "b", `${refusals}`) });
        scripted.compacted = scripted.revision;
        const watchId = watch.watchId ?? 0n;
        stream.send({ watchId, created: true });
        stream.send({ watchId, canceled: true, compactRevision: BigInt(scripted.compacted) });
        return;
      }
      stream.accept(watch);
      stream.catchUp(watch);
    });
  await using seen = witness(discovery, "api");
  await eventually(() => expect(seen.known.get("b")?.shard).toBe("4"));
  await eventually(() => seen.views.at(-1)?.freshness.source === "live");
  scripted.write({ [key("a")]: undefined });
  await eventually(() => expect(seen.told.at(-1)).toBe("down a expired"));
  seen.check();
  expect(seen.told.filter((event) => event.includes(" a"))).toEqual(["up a", "down a expired"]);
});
