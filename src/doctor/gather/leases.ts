import type { Client } from "../../store/etcd3/client.ts";
import * as methods from "../../store/etcd3/methods.ts";
import type { LeaseLook } from "../facts.ts";
import type { Limits } from "../told.ts";

/** How many leases are looked at, and how many at once. */
export const mostLeases = 500;
const atOnce = 16;

/** Looks at leases: how long they were granted for, and how long they live if nobody renews them. */
export async function lookAtLeases(
  client: Client,
  leases: readonly bigint[],
  { signal, timeoutMs }: Limits,
): Promise<Map<bigint, LeaseLook>> {
  const call = { signal, timeoutMs, repeatable: true, linearizable: false };
  const looks = new Map<bigint, LeaseLook>();
  const waiting = leases.values();
  const work = async (): Promise<void> => {
    for (const ID of waiting) {
      const { TTL, grantedTTL } = await client.unary(methods.leaseTimeToLive, { ID }, call);
      looks.set(ID, { grantedSeconds: Number(grantedTTL), remainingSeconds: Number(TTL) });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return looks;
}
