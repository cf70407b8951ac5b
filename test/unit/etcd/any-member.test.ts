import { expect, test } from "vitest";
import { AnyMember } from "../../../src/store/etcd/any-member.ts";
import { GrpcError, GrpcStatus } from "../../../src/store/etcd3/grpc-error.ts";
import { endpointFailure } from "../../../src/store/etcd3/status.ts";
import { manualClock } from "../../../src/testing/index.ts";

/** Three members, and what is done to the channels that lead to them. */
function members() {
  const clock = manualClock();
  const dropped: string[] = [];
  const any = new AnyMember({
    addresses: ["a", "b", "c"],
    connect: (address) => ({
      address,
      disconnect: () => void dropped.push(address),
      close: async () => void dropped.push(address),
    }),
    failure: endpointFailure,
    clock,
    random: () => 0.5,
  });
  const pass = async (ms: number): Promise<void> => {
    for (let passedMs = 0; passedMs < ms; passedMs += 10) {
      await clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { any, clock, dropped, pass };
}

const refused = (): GrpcError =>
  new GrpcError(GrpcStatus.UNAVAILABLE, "refused", { neverSent: true });

test("members that refuse are not stormed, however many calls there are", async () => {
  const { any, clock, pass } = members();
  // Calls of one moment share a connection.
  const connections = new Set<string>();
  const call = (): Promise<unknown> =>
    any
      .call(
        ({ address }) => {
          connections.add(`${address} at ${clock.now()}`);
          return Promise.reject(refused());
        },
        { timeoutMs: 2_000 },
      )
      .catch(() => {});
  const calls: Promise<unknown>[] = [];
  for (let count = 0; count < 400; count += 1) {
    calls.push(call());
    await pass(10);
  }
  await pass(2_500);
  await Promise.all(calls);
  // For 6 s, after each failure a jittered wait that grows to half a second on average.
  expect(connections.size).toBeLessThan(3 * 25);
  await any.close();
});

test("connections that nobody uses are dropped after a while, and nothing is left when it is closed", async () => {
  const { any, clock, dropped, pass } = members();
  expect(await any.call(async (channel) => channel.address, { timeoutMs: 1_000 })).toBe("b");
  expect(clock.timers).toBe(1);
  expect(dropped).toEqual([]);
  await pass(5_010);
  expect(dropped).toEqual(["a", "b", "c"]);
  await any.call(async () => "again", { timeoutMs: 1_000 });
  await any.close();
  expect(clock.timers).toBe(0);
});
