import { expect, test } from "vitest";
import { delay } from "../../../src/async/abort.ts";
import { isDiscoveryError } from "../../../src/errors.ts";
import { Batches } from "../../../src/store/etcd3/batch.ts";
import type { Client, ClientCall } from "../../../src/store/etcd3/client.ts";
import type { TxnRequest } from "../../../src/store/etcd3/gen/etcd.ts";
import { GrpcError, GrpcStatus } from "../../../src/store/etcd3/grpc-error.ts";
import type { Change, Write } from "../../../src/store/store.ts";
import { type ManualClock, manualClock } from "../../../src/testing/index.ts";

interface Sent {
  readonly at: number;
  readonly operations: number;
  readonly timeoutMs: number;
}

/** A client whose etcd takes every transaction and never answers. */
function silentClient(clock: ManualClock): { readonly client: Client; readonly sent: Sent[] } {
  const sent: Sent[] = [];
  const client = {
    clock,
    unary: async (_: unknown, { success }: TxnRequest, { timeoutMs }: ClientCall) => {
      sent.push({ at: clock.now(), operations: success.length, timeoutMs });
      await delay(clock, timeoutMs);
      throw new GrpcError(GrpcStatus.DEADLINE_EXCEEDED, "no answer");
    },
  } as unknown as Client;
  return { client, sent };
}

const write = (...changes: Change[]): Write => ({ service: "api", conditions: [], changes });
const deletion = (id: string): Write => write({ kind: "delete-host", id });
const info = write({ kind: "put-info", value: new Uint8Array(1) });

test("a write that is given less time than others of its tick holds up what comes after it no longer than that", async () => {
  const clock = manualClock();
  const { client, sent } = silentClient(clock);
  const batches = new Batches(client, "");
  const failures: string[] = [];
  const ask = (name: string, asked: Write, timeoutMs: number): void => {
    batches.write(asked, { timeoutMs }).catch((error: unknown) => {
      const code = isDiscoveryError(error) ? error.code : String(error);
      failures.push(`${name} ${code} at ${clock.now()}`);
    });
  };
  ask("long", info, 5_000);
  ask("short", deletion("a"), 1_000);
  ask("long too", deletion("b"), 5_000);
  ask("short too", deletion("c"), 1_000);
  ask("after short", deletion("a"), 5_000);
  await clock.advance(10_000);
  expect(sent).toEqual([
    { at: 0, operations: 2, timeoutMs: 1_000 },
    { at: 0, operations: 2, timeoutMs: 5_000 },
    { at: 1_000, operations: 1, timeoutMs: 4_000 },
  ]);
  expect(failures.toSorted()).toEqual([
    "after short TIMEOUT at 5000",
    "long TIMEOUT at 5000",
    "long too TIMEOUT at 5000",
    "short TIMEOUT at 1000",
    "short too TIMEOUT at 1000",
  ]);
  expect(clock.timers).toBe(0);
});

test("writes of one tick that are given as long travel together", async () => {
  const clock = manualClock();
  const { client, sent } = silentClient(clock);
  const batches = new Batches(client, "");
  for (const id of ["a", "b", "c"]) {
    batches.write(deletion(id), { timeoutMs: 1_000 }).catch(() => {});
  }
  await clock.advance(1_000);
  expect(sent).toEqual([{ at: 0, operations: 3, timeoutMs: 1_000 }]);
});
