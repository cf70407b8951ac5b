import { DiscoveryError, isDiscoveryError } from "../errors.ts";
import { decodeHost, type HostRecord } from "../model/record.ts";
import { quote } from "../model/refuse.ts";
import type { CallOptions, Store, StoredRecord } from "../store/store.ts";

/** A host's record as an operator finds it: perhaps one that nobody can read. Not to be printed, since its password is in the open. */
export interface HostOnStore {
  readonly service: string;
  readonly uuid: string;
  readonly revision: number;
  readonly value: Uint8Array;

  /** Undefined: it cannot be read. */
  readonly record: HostRecord | undefined;
}

/** A host's record, taken from a listing or an event. */
export function hostOnStore(service: string, { id, revision, value }: StoredRecord): HostOnStore {
  // A copy: what comes from the store may be a slice of a far larger buffer.
  const own = value.slice();
  return { service, uuid: id, revision, value: own, record: decoded(service, id, own) };
}

/**
 * All hosts of a service, those whose records cannot be read as well. Rejects with `SERVICE_NOT_FOUND`, or
 * with `NO_HOST_FOUND` if there is nothing but an info.
 */
export async function readHosts(
  store: Store,
  service: string,
  call: CallOptions,
): Promise<readonly HostOnStore[]> {
  const { info, hosts } = await store.read(service, { info: true, hosts: "all" }, call);
  if (hosts.length > 0) return hosts.map((host) => hostOnStore(service, host));
  if (info === undefined) throw await notFound(store, service, call);
  throw new DiscoveryError(
    "NO_HOST_FOUND",
    `service ${quote(service)} is known, but no host of it lives`,
  );
}

/** That there is nothing of a service, and where else it may be. */
export async function notFound(
  store: Store,
  service: string,
  { timeoutMs }: CallOptions,
): Promise<DiscoveryError> {
  const hint = await store.hint?.(service, { timeoutMs });
  const elsewhere = hint === undefined ? "" : `; ${hint}`;
  const message = `service ${quote(service)} has neither an info nor a host${elsewhere}`;
  return new DiscoveryError("SERVICE_NOT_FOUND", message);
}

function decoded(service: string, id: string, value: Uint8Array): HostRecord | undefined {
  try {
    return decodeHost(value, service, id);
  } catch (error) {
    if (isDiscoveryError(error)) return undefined;
    throw error;
  }
}
