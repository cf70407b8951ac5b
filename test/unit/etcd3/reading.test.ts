import { expect, test } from "vitest";
import { silentLogger } from "../../../src/logger.ts";
import { Etcd3Store } from "../../../src/store/etcd3/etcd3-store.ts";
import { KeyValue, type RangeRequest, type TxnRequest } from "../../../src/store/etcd3/gen/etcd.ts";
import { GrpcError, GrpcStatus } from "../../../src/store/etcd3/grpc-error.ts";
import { manualClock } from "../../../src/testing/index.ts";
import { ScriptedChannel } from "../../support/scripted-channel.ts";

/** A listing of hosts with records of these lengths, from an etcd whose answers may be so long. */
async function list(
  lengths: readonly number[],
  longest = Infinity,
): Promise<{ readonly ids: readonly string[]; readonly limits: readonly number[] }> {
  const channel = new ScriptedChannel();
  const limits: number[] = [];
  const hosts = lengths.map((length, index) => ({
    key: Buffer.from(`/services/api/${String(index).padStart(5, "0")}`),
    value: new Uint8Array(length),
    ...{ createRevision: 1n, modRevision: 1n, version: 1n, lease: 0n },
  }));
  const range = ({ key, rangeEnd, limit }: RangeRequest): object => {
    if (rangeEnd === undefined) return { kvs: [], more: false };
    limits.push(Number(limit));
    const rest = hosts.filter((host) => Buffer.compare(host.key, key) >= 0);
    const kvs = rest.slice(0, Number(limit)).map((host) => KeyValue.encode(host).finish());
    if (kvs.reduce((sum, { length }) => sum + length, 0) > longest) {
      throw new GrpcError(GrpcStatus.RESOURCE_EXHAUSTED, "the answer is too long");
    }
    return { header: { clusterId: 7n, revision: 9n }, kvs, more: rest.length > kvs.length };
  };
  channel.answer = (method, request) => {
    if (method === "Range") return range(request as RangeRequest);
    const { success } = request as TxnRequest;
    const responses = success.map(({ requestRange }) => ({
      responseRange: requestRange && range(requestRange),
    }));
    return { header: { clusterId: 7n, revision: 9n }, responses };
  };
  const store = new Etcd3Store({
    addresses: ["etcd"],
    connect: () => channel,
    prefix: "",
    clock: manualClock(),
    logger: silentLogger,
  });
  try {
    const listing = await store.read("api", { info: true, hosts: "all" }, { timeoutMs: 5_000 });
    return { ids: listing.hosts.map(({ id }) => id), limits };
  } finally {
    await store.close();
  }
}

const ids = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => String(index).padStart(5, "0"));

test("many small records come in few, large answers of about 2 MiB", async () => {
  const listing = await list(Array.from({ length: 10_000 }, () => 400));
  expect(listing.ids).toEqual(ids(10_000));
  expect(listing.limits).toHaveLength(3);
  for (const limit of listing.limits.slice(1)) expect(limit * 400).toBeLessThan(2 * 2 ** 20);
});

test("large records come a thousand at a time", async () => {
  const listing = await list(Array.from({ length: 2_500 }, () => 8_000));
  expect(listing.ids).toEqual(ids(2_500));
  expect(listing.limits).toEqual([1_000, 1_000, 1_000]);
});

test("an answer that is too long is asked for in smaller ones", async () => {
  const listing = await list(
    Array.from({ length: 2_500 }, (_, index) => (index < 1_000 ? 10 : 9_000)),
    2_000_000,
  );
  expect(listing.ids).toEqual(ids(2_500));
  expect(listing.limits.slice(0, 3)).toEqual([1_000, expect.any(Number), 100]);
});

test("a record that is too long by itself makes the listing fail", async () => {
  await expect(list([10, 1_000], 500)).rejects.toMatchObject({ code: "UNAVAILABLE" });
});
