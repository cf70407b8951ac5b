import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Discovery, type Subscription } from "../../src/index.ts";
import type { HostEvent } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { collect } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { hostValue } from "../support/host-value.ts";
import { putOneByOne } from "../support/put-one-by-one.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { recordingLogger, type RecordingLogger } from "../support/recording-logger.ts";
import { watchers } from "../support/watchers.ts";
import { witness, type Witness } from "../support/witness.ts";

const key = (id: string): string => `/services/api/${id}`;

let etcd: EtcdCluster;
let logger: RecordingLogger;
let discovery: Discovery;
let seen: Witness;
const put = (id: string, shard?: string): Promise<void> =>
  new RawEtcd(etcd).put(key(id), hostValue("api", id, shard));

beforeAll(async () => {
  etcd = await startEtcd();
});

afterAll(() => etcd.stop());

beforeEach(async () => {
  const all = { key: btoa("/services/"), range_end: btoa("/services0") };
  await etcd.call("/v3/kv/deleterange", all);
  logger = recordingLogger();
  discovery = new Discovery({ endpoints: etcd.endpoints, logger });
  await put("a");
  seen = witness(discovery, "api");
  await seen.agrees(etcd);
});

afterEach(async () => {
  seen.check();
  await discovery.close();
});

test("a reader whose loop throws ends its own subscription and nobody else's", async () => {
  const reading = (async () => {
    for await (const event of discovery.subscribe("api", { existing: true })) {
      throw new Error(`cannot handle ${event.host.uuid}`);
    }
  })();
  await expect(reading).rejects.toThrow("cannot handle a");
  await put("b");
  await seen.agrees(etcd);
  expect(seen.told).toEqual(["up a", "up b"]);
  await eventually(async () => expect(await watchers(etcd)).toBe(2));
});

test("a listener of a registration that throws keeps neither the registration nor others from what they do", async () => {
  const registration = discovery.register("api", { hostname: "b.dev", ports: { http: 80 } });
  const states: string[] = [];
  registration.on("state", () => {
    throw new Error("no good");
  });
  registration.on("state", (state) => states.push(state));
  await registration.waitRegistration();
  await seen.agrees(etcd);
  await registration.unregister();
  await seen.agrees(etcd);
  expect(states).toContain("registered");
  expect(logger.lines.some(({ level }) => level === "error")).toBe(true);
  expect(seen.known.has(registration.uuid)).toBe(false);
});

test("a reader that takes its time delays nobody, and gets what there is then", async () => {
  const slowly: HostEvent[] = [];
  const slow = (async () => {
    for await (const event of discovery.subscribe("api", { existing: true })) {
      slowly.push(event);
      await pause(100);
      if (event.host.uuid === "last") return;
    }
  })();
  const writes = Array.from({ length: 300 }, (_, index): [string, Uint8Array] => [
    key(`h${index % 3}`),
    hostValue("api", `h${index % 3}`, String(index)),
  ]);
  await putOneByOne(etcd.endpoint, writes);
  await put("last");
  const tookMs = await seen.agrees(etcd);
  expect(tookMs).toBeLessThan(2_000);
  await slow;
  expect(slowly.length).toBeLessThan(12);
  for (const id of ["h0", "h1", "h2"]) {
    const newest = slowly.findLast(({ host }) => host.uuid === id)?.host.shard;
    expect(newest).toBe(seen.known.get(id)?.shard);
  }
});

test("a reader may subscribe, unsubscribe others and itself while it handles an event", async () => {
  const other = discovery.subscribe("api");
  const others = collect(other, ({ host }) => host.uuid);
  const begun: Subscription<HostEvent>[] = [];
  let handled = 0;
  for await (const { host } of discovery.subscribe("api", { existing: true })) {
    handled += 1;
    begun.push(
      discovery.subscribe("api", { existing: true }),
      discovery.subscribe(`more-${handled}`),
    );
    if (host.uuid === "a") {
      await other.return();
      await put("b");
    } else break;
  }
  await others.ended;
  expect([handled, others.items]).toEqual([2, []]);
  const [first, , second] = begun;
  for (const subscription of [first, second]) {
    expect((await subscription?.next())?.value?.host.uuid).toBe("a");
    expect((await subscription?.next())?.value?.host.uuid).toBe("b");
  }
  await Promise.all(begun.map((subscription) => subscription.return()));
  await eventually(async () => expect(await watchers(etcd)).toBe(2));
  await put("c");
  await seen.agrees(etcd);
});

test("a reader may close the discovery while it handles an event, and its loop ends", async () => {
  const handled: string[] = [];
  for await (const { host } of discovery.subscribe("api", { existing: true })) {
    handled.push(host.uuid);
    await discovery.close();
  }
  expect(handled).toEqual(["a"]);
  await eventually(async () => expect(await watchers(etcd)).toBe(0));
  expect(() => discovery.subscribe("api")).toThrow(
    expect.objectContaining({ code: "CLOSED" }) as Error,
  );
});
