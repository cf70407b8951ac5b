import { hostsPrefix, infoKey, infosPrefix, servicesPrefix } from "../../model/keys.ts";
import type { Client } from "../../store/etcd3/client.ts";
import { GrpcError, GrpcStatus } from "../../store/etcd3/grpc-error.ts";
import { type KeyRange, oneKey, prefixRange } from "../../store/etcd3/keys.ts";
import { grant, newLeaseId, revoke } from "../../store/etcd3/lease.ts";
import * as methods from "../../store/etcd3/methods.ts";
import type { Right } from "../facts.ts";
import type { Limits } from "../told.ts";
import { tryRight } from "./try-right.ts";
import { mayWatch } from "./watch-right.ts";

/** How long the lease lives that is asked for to see whether one is granted, should it not be given back. */
const leaseSeconds = 5;

/** Keys that rights are needed for. */
export interface Territory {
  /** Its name in messages. */
  readonly key: string;
  readonly range: KeyRange;
}

/** The keys of these services, or of all. */
export function territories(prefix: string, services: readonly string[]): Territory[] {
  const wholes = (...keys: string[]) => keys.map((key) => ({ key, range: prefixRange(key) }));
  if (services.length === 0) return wholes(servicesPrefix(prefix), infosPrefix(prefix));
  return services.flatMap((service) => {
    const key = infoKey(prefix, service);
    return [...wholes(hostsPrefix(prefix, service)), { key, range: oneKey(key) }];
  });
}

/** What this user may do there, found out without a change to anything but a lease that is given back. */
export async function rights(
  client: Client,
  places: readonly Territory[],
  { readOnly }: { readonly readOnly: boolean },
  limits: Limits,
): Promise<Right[]> {
  const tried = (
    kind: Right["kind"],
    key: string,
    attempt: (within: Limits) => Promise<unknown>,
  ): Promise<Right> => tryRight(kind, key, limits, (within) => wasGranted(() => attempt(within)));
  return Promise.all([
    ...places.flatMap(({ key, range }) => [
      tried("read", key, (within) => read(client, range, within)),
      tried("watch", key, (within) => mayWatch(client, range, within)),
      ...(readOnly ? [] : [tried("write", key, (within) => write(client, range, within))]),
    ]),
    ...(readOnly ? [] : [tried("lease", "", (within) => lease(client, within))]),
  ]);
}

async function wasGranted(attempt: () => Promise<unknown>): Promise<boolean> {
  try {
    return (await attempt()) !== false;
  } catch (error) {
    if (error instanceof GrpcError && error.status === GrpcStatus.PERMISSION_DENIED) return false;
    throw error;
  }
}

function read(client: Client, range: KeyRange, { signal, timeoutMs }: Limits): Promise<unknown> {
  const call = { signal, timeoutMs, repeatable: true, linearizable: true };
  return client.unary(methods.range, { ...range, keysOnly: true, limit: 1n }, call);
}

/**
 * A transaction without a condition always succeeds, so that what is to be done where it does not is
 * never done; yet etcd refuses it to those who may not do that (etcd, etcdserver/apply_auth.go:
 * checkTxnAuth). A deletion names all the keys at once, and, unlike a put, is not refused where the
 * database is full.
 */
function write(client: Client, range: KeyRange, { signal, timeoutMs }: Limits): Promise<unknown> {
  const call = { signal, timeoutMs, repeatable: true, linearizable: false };
  const never = [{ requestDeleteRange: range }];
  return client.unary(methods.txn, { compare: [], success: [], failure: never }, call);
}

async function lease(client: Client, { signal, timeoutMs }: Limits): Promise<void> {
  const id = newLeaseId();
  try {
    await grant(client, id, leaseSeconds, { signal, timeoutMs });
  } finally {
    await revoke(client, id, { timeoutMs });
  }
}
