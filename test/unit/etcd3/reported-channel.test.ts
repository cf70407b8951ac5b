import { expect, it } from "vitest";
import { manualClock } from "../../../src/testing/index.ts";
import type { Channel, DuplexObserver } from "../../../src/store/etcd3/channel.ts";
import { GrpcError, GrpcStatus } from "../../../src/store/etcd3/grpc-error.ts";
import * as methods from "../../../src/store/etcd3/methods.ts";
import { reportedChannel } from "../../../src/store/etcd3/reported-channel.ts";

const request = { key: new Uint8Array([1]) };
const change = { compare: [], success: [], failure: [] };
const endpoint = "http://10.0.0.1:2379";

/** A channel that does as it is told, and what is reported of it. */
function stage(rpcsWanted = true) {
  const clock = manualClock();
  const told: unknown[] = [];
  const answers: { resolve(value: never): void; reject(error: unknown): void }[] = [];
  const promises: Promise<unknown>[] = [];
  const observers: DuplexObserver<never>[] = [];
  const sent: unknown[] = [];
  const inner: Channel = {
    unary(): Promise<never> {
      const promise = new Promise<never>((resolve, reject) => answers.push({ resolve, reject }));
      promises.push(promise);
      return promise;
    },
    duplex(_method, _options, observer) {
      observers.push(observer);
      return { send: (message) => void sent.push(message), cancel: () => void sent.push("cancel") };
    },
    disconnect: (reason) => void sent.push(reason),
    close: async () => void sent.push("close"),
  };
  const report = { rpcsWanted, rpcEnded: (...rpc: unknown[]) => void told.push(rpc) };
  const channel = reportedChannel(inner, { endpoint, clock, report });
  return { clock, told, answers, promises, observers, sent, channel };
}

it("tells how a call ended, and how long it took", async () => {
  const { answers, channel, clock, told } = stage();
  const one = channel.unary(methods.range, request, { deadlineMs: 1 });
  await clock.advance(5);
  answers[0]?.resolve("answer" as never);
  expect(await one).toBe("answer");
  const refused = new GrpcError(GrpcStatus.UNAVAILABLE, "no");
  const other = channel.unary(methods.txn, change, { deadlineMs: 1 });
  await clock.advance(7);
  answers[1]?.reject(refused);
  await expect(other).rejects.toBe(refused);
  const strange = channel.unary(methods.txn, change, { deadlineMs: 1 });
  answers[2]?.reject(new GrpcError(99, "no such status"));
  await expect(strange).rejects.toThrow("no such status");
  const aborted = channel.unary(methods.txn, change, { deadlineMs: 1 });
  answers[3]?.reject("the reason of a signal");
  await expect(aborted).rejects.toBe("the reason of a signal");
  expect(told).toEqual([
    ["KV/Range", "OK", 5, endpoint, false],
    ["KV/Txn", "UNAVAILABLE", 7, endpoint, false],
    ["KV/Txn", "UNKNOWN", 0, endpoint, false],
    ["KV/Txn", "CANCELLED", 0, endpoint, false],
  ]);
});

it("hands out the very answer, and tells nothing, while nobody wants to know", async () => {
  const { answers, channel, promises, told } = stage(false);
  const call = channel.unary(methods.range, request, { deadlineMs: 1 });
  expect(call).toBe(promises[0]);
  answers[0]?.resolve("answer" as never);
  await call;
  expect(told).toEqual([]);
});

it("tells of a stream that ends by itself, not of one that is cancelled", async () => {
  const { channel, clock, observers, sent, told } = stage();
  const ended: unknown[] = [];
  const observer = { message: () => {}, ended: (error: unknown) => void ended.push(error) };
  const one = channel.duplex(methods.watch, { connectTimeoutMs: 1 }, observer);
  one.send({});
  await clock.advance(60_000);
  const error = new GrpcError(GrpcStatus.UNAUTHENTICATED, "no");
  observers[0]?.ended(error);
  const other = channel.duplex(methods.leaseKeepAlive, { connectTimeoutMs: 1 }, observer);
  other.cancel();
  expect(ended).toEqual([error]);
  expect(sent).toEqual([{}, "cancel"]);
  expect(told).toEqual([["Watch/Watch", "UNAUTHENTICATED", 60_000, endpoint, true]]);
});

it("passes on the rest", async () => {
  const { channel, sent } = stage();
  const reason = new Error("reason");
  channel.disconnect(reason);
  await channel.close();
  expect(sent).toEqual([reason, "close"]);
});
