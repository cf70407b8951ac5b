import type { Client } from "../../store/etcd3/client.ts";
import type { RangeRequest } from "../../store/etcd3/gen/etcd.ts";
import { GrpcError, GrpcStatus } from "../../store/etcd3/grpc-error.ts";
import { afterKey, textOf } from "../../store/etcd3/keys.ts";
import * as methods from "../../store/etcd3/methods.ts";
import { keyValueOf } from "../../store/etcd3/record.ts";
import type { Records } from "../facts.ts";
import { type RawKey, recordsIn } from "../records.ts";
import type { Limits } from "../told.ts";
import type { Territory } from "./rights.ts";

/** How many keys of a territory are read at most: of more, the rest is not looked at, and that is said. */
const mostKeys = 20_000;

const pageSize = 1_000;

/** Reads all records in these places by API 3, a page at a time. */
export async function records3(
  client: Client,
  prefix: string,
  places: readonly Territory[],
  limits: Limits,
): Promise<Records> {
  const all = await Promise.all(places.map(({ range }) => keysIn(client, range, limits)));
  const keys = all.flatMap((territory) => territory.keys);
  return recordsIn(
    prefix,
    keys,
    all.some(({ more }) => more),
  );
}

/** How many keys there are in these places. */
export async function count3(
  client: Client,
  places: readonly Territory[],
  limits: Limits,
): Promise<number> {
  const call = { ...limits, repeatable: true, linearizable: true };
  const counts = await Promise.all(
    places.map(({ range }) => client.unary(methods.range, { ...range, countOnly: true }, call)),
  );
  return counts.reduce((sum, { count }) => sum + Number(count), 0);
}

async function keysIn(
  client: Client,
  range: Territory["range"],
  limits: Limits,
): Promise<{ readonly keys: readonly RawKey[]; readonly more: boolean }> {
  const call = { ...limits, repeatable: true, linearizable: true };
  const keys: RawKey[] = [];
  let size = pageSize;
  let rest: RangeRequest = range;
  for (;;) {
    try {
      const page = await client.unary(methods.range, { ...rest, limit: BigInt(size) }, call);
      const found = page.kvs.map(keyValueOf);
      for (const { key, lease, value } of found) {
        const life =
          lease === 0n ? ({ by: "nothing" } as const) : ({ by: "lease", lease } as const);
        keys.push({ key: textOf(key), value, life });
      }
      const last = found.at(-1)?.key;
      if (!page.more || last === undefined) return { keys, more: false };
      if (keys.length >= mostKeys) return { keys, more: true };
      rest = { ...range, key: afterKey(last) };
    } catch (error) {
      const isTooLong =
        error instanceof GrpcError && error.status === GrpcStatus.RESOURCE_EXHAUSTED;
      if (!isTooLong || size === 1) throw error;
      size = Math.ceil(size / 10);
    }
  }
}
