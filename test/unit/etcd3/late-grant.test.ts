import { expect, test } from "vitest";
import type { Client, ClientCall } from "../../../src/store/etcd3/client.ts";
import { grant } from "../../../src/store/etcd3/lease.ts";
import * as methods from "../../../src/store/etcd3/methods.ts";
import { manualClock } from "../../../src/testing/index.ts";

/** A client whose answers come after some time; `TTL` is what etcd says is left when it is asked. */
function clientOf(options: { readonly grantMs: number; readonly left: number }): {
  readonly client: Client;
  readonly now: () => number;
  readonly asked: string[];
} {
  const clock = manualClock();
  const asked: string[] = [];
  const client = {
    clock,
    unary: async (method: { readonly path: string }, _: unknown, call: ClientCall) => {
      call.onAttempt?.(clock.now());
      asked.push(method.path);
      if (method.path === methods.leaseGrant.path) {
        await clock.advance(options.grantMs);
        return { TTL: 6n };
      }
      return { TTL: BigInt(options.left), grantedTTL: 6n };
    },
  } as unknown as Client;
  return { client, now: () => clock.now(), asked };
}

test("a lease lives from when it was asked for", async () => {
  const { client, now, asked } = clientOf({ grantMs: 2_900, left: 0 });
  const start = now();
  const granted = await grant(client, 1n, 6, { timeoutMs: 5_000 });
  expect(granted).toEqual({ lease: 1n, ttlSeconds: 6, grantedAt: start, term: 0n });
  expect(asked).toEqual([methods.leaseGrant.path]);
});

test("one that etcd granted late lives for as long as etcd says, and is not taken for lost", async () => {
  const { client, now, asked } = clientOf({ grantMs: 5_900, left: 5 });
  const start = now();
  const { grantedAt } = await grant(client, 1n, 6, { timeoutMs: 5_000 });
  expect(grantedAt).toBe(start + 4_900);
  expect(asked).toEqual([methods.leaseGrant.path, methods.leaseTimeToLive.path]);
});
