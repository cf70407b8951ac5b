import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/async/clock.ts";
import { isDiscoveryError } from "../../../src/errors.ts";
import { silentLogger } from "../../../src/logger.ts";
import { Etcd3Store } from "../../../src/store/etcd3/etcd3-store.ts";
import { KeyValue, type RangeRequest, type TxnRequest } from "../../../src/store/etcd3/gen/etcd.ts";
import { GrpcError, GrpcStatus } from "../../../src/store/etcd3/grpc-error.ts";
import type { Listing } from "../../../src/store/store.ts";
import { ScriptedChannel } from "../../support/scripted-channel.ts";

/** The keys that each transaction has asked for. */
let asked: string[][];

/** Throws if these may not be asked for in one go. */
let refuse: (keys: readonly string[]) => void;
let store: Etcd3Store;

/** Of each service there is one host, whose id is the service's name. */
beforeEach(() => {
  asked = [];
  refuse = () => {};
  const channel = new ScriptedChannel();
  channel.answer = (_, request) => {
    const { success } = request as TxnRequest;
    const ranges = success.flatMap(({ requestRange }) => requestRange ?? []);
    const keys = ranges.map(({ key }) => Buffer.from(key).toString());
    asked.push(keys);
    refuse(keys);
    const responses = ranges.map((range) => ({
      responseRange: { kvs: found(range), more: false },
    }));
    return { header: { clusterId: 7n, revision: 9n }, responses };
  };
  store = new Etcd3Store({
    addresses: ["etcd"],
    connect: () => channel,
    prefix: "",
    clock: systemClock,
    logger: silentLogger,
  });
});

afterEach(() => store.close());

function found({ key, rangeEnd }: RangeRequest): Uint8Array[] {
  if (rangeEnd === undefined) return [];
  const prefix = Buffer.from(key).toString();
  const host = Buffer.from(prefix + prefix.split("/")[2]);
  const rest = {
    value: Buffer.from("{}"),
    createRevision: 1n,
    modRevision: 1n,
    version: 1n,
    lease: 0n,
  };
  return [KeyValue.encode({ key: host, ...rest }).finish()];
}

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `service-${index}`);

const read = (service: string, options = {}): Promise<Listing> =>
  store.read(
    service,
    { info: true, hosts: "all" },
    { timeoutMs: 5_000, together: true, ...options },
  );

const hostsOf = async (listing: Promise<Listing>): Promise<string[]> =>
  (await listing).hosts.map(({ id }) => id);

/** How many services each transaction was about. */
const services = (): number[] => asked.map((keys) => keys.length / 2);

test("what is read in the same tick travels together, and each gets its own", async () => {
  const all = names(100);
  const found = await Promise.all(all.map((name) => hostsOf(read(name))));
  expect(found).toEqual(all.map((name) => [name]));
  expect(services()).toEqual([32, 32, 32, 4]);
});

test("what is not to wait does not wait for others", async () => {
  const other = read("service-1");
  const lookup = read("service-0", { together: false });
  expect(services()).toEqual([1]);
  await Promise.all([other, lookup]);
  expect(services()).toEqual([1, 1]);
});

test("what is refused for one of them is refused for that one alone", async () => {
  refuse = (keys) => {
    if (keys.some((key) => key.startsWith("/services/service-1/"))) {
      throw new GrpcError(GrpcStatus.PERMISSION_DENIED, "etcdserver: permission denied");
    }
  };
  const results = await Promise.allSettled(names(3).map((name) => hostsOf(read(name))));
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  const reason: unknown = results[1]?.status === "rejected" ? results[1].reason : undefined;
  expect(isDiscoveryError(reason, "PERMISSION_DENIED")).toBe(true);
  expect(services()).toEqual([3, 1, 1, 1]);
});

test("what is too long together is asked for one by one", async () => {
  refuse = (keys) => {
    if (keys.length > 2) throw new GrpcError(GrpcStatus.RESOURCE_EXHAUSTED, "too long");
  };
  const found = await Promise.all(names(3).map((name) => hostsOf(read(name))));
  expect(found).toEqual(names(3).map((name) => [name]));
});

test("what took too long together is asked for one by one for a while", async () => {
  refuse = () => {
    throw new GrpcError(GrpcStatus.DEADLINE_EXCEEDED, "no answer");
  };
  const late = await Promise.allSettled(names(3).map((name) => read(name, { timeoutMs: 300 })));
  expect(late.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  refuse = () => {};
  asked = [];
  for (let times = 0; times < 3; times += 1) await Promise.all(names(3).map((name) => read(name)));
  expect(services()).toEqual([1, 1, 1, 3, 3]);
});

test("whoever does not want to know any more keeps nobody else from it", async () => {
  const controller = new AbortController();
  const reason = new Error("not any more");
  const [one, other] = [read("service-0", { signal: controller.signal }), read("service-1")];
  controller.abort(reason);
  await expect(one).rejects.toBe(reason);
  expect(await hostsOf(other)).toEqual(["service-1"]);
  expect(services()).toEqual([1]);
});

test("what was asked for before the store was closed is not asked any more", async () => {
  const reading = Promise.allSettled(names(3).map((name) => read(name)));
  await store.close();
  for (const result of await reading) {
    expect(result.status === "rejected" && isDiscoveryError(result.reason, "CLOSED")).toBe(true);
  }
  expect(asked).toEqual([]);
});
