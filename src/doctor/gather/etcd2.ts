import { randomUUID } from "node:crypto";
import { isDiscoveryError } from "../../errors.ts";
import { hostsPrefix, infoKey, infosPrefix, servicesPrefix } from "../../model/keys.ts";
import type { Client } from "../../store/etcd2/client.ts";
import { HttpError } from "../../store/etcd2/http-error.ts";
import { errorCodes, isKeysError, type KeysNode } from "../../store/etcd2/keys-api.ts";
import type { Records, Right } from "../facts.ts";
import { type RawKey, recordsIn } from "../records.ts";
import type { Limits } from "../told.ts";
import { tryRight } from "./try-right.ts";

/** An index that no record will ever have. */
const never = String(Number.MAX_SAFE_INTEGER);

interface Place {
  readonly key: string;

  /** A key there to try a write on. */
  readonly probe: string;
}

/** Where records are kept by API 2: those of these services, or of all. */
function places(prefix: string, services: readonly string[]): Place[] {
  const directory = (key: string) => ({ key: key.slice(0, -1), probe: `${key}${randomUUID()}` });
  if (services.length === 0) return [servicesPrefix(prefix), infosPrefix(prefix)].map(directory);
  return services.flatMap((service) => {
    const key = infoKey(prefix, service);
    return [directory(hostsPrefix(prefix, service)), { key, probe: key }];
  });
}

/** Reads the records by API 2. */
export async function records2(
  client: Client,
  prefix: string,
  services: readonly string[],
  limits: Limits,
): Promise<Records> {
  const nodes = await Promise.all(
    places(prefix, services).map(({ key }) => read(client, key, { recursive: "true" }, limits)),
  );
  const keys: RawKey[] = [];
  for (const node of nodes) if (node !== undefined) collect(node, keys);
  return recordsIn(prefix, keys, false);
}

/** How many keys API 2 has there; undefined if it is not served. */
export async function count2(
  client: Client,
  prefix: string,
  services: readonly string[],
  limits: Limits,
): Promise<number | undefined> {
  try {
    const { hosts, infos, strangers } = await records2(client, prefix, services, limits);
    return hosts.length + infos.length + strangers.length;
  } catch (error) {
    if (isNotServed(error)) return undefined;
    throw error;
  }
}

/** What this user may do. A write is tried on a condition that cannot hold: etcd looks at rights first. */
export function rights2(
  client: Client,
  prefix: string,
  services: readonly string[],
  { readOnly }: { readonly readOnly: boolean },
  limits: Limits,
): Promise<Right[]> {
  const tried = (
    kind: Right["kind"],
    key: string,
    attempt: (within: Limits) => Promise<unknown>,
  ): Promise<Right> =>
    tryRight(kind, key, limits, (within) => attempt(within).then(() => true, wasRefused));
  return Promise.all(
    places(prefix, services).flatMap(({ key, probe }) => [
      tried("read", key, (within) => read(client, key, {}, within)),
      ...(readOnly ? [] : [tried("write", key, (within) => writeNothing(client, probe, within))]),
    ]),
  );
}

/** False, for a refusal; throws anything else. */
function wasRefused(error: unknown): false {
  if (isDiscoveryError(error, "UNAUTHENTICATED")) return false;
  if (isDiscoveryError(error, "PERMISSION_DENIED")) return false;
  throw error;
}

async function writeNothing(client: Client, key: string, limits: Limits): Promise<void> {
  const parameters = { value: "", prevExist: "true", prevIndex: never };
  const call = { ...limits, repeatable: true };
  try {
    await client.call(`write "${key}"`, { method: "PUT", key, parameters }, call);
  } catch (error) {
    const { compareFailed, notADirectory, notFound } = errorCodes;
    if (!isKeysError(error, notFound, compareFailed, notADirectory)) throw error;
  }
}

async function read(
  client: Client,
  key: string,
  parameters: Readonly<Record<string, string>>,
  limits: Limits,
): Promise<KeysNode | undefined> {
  const call = { ...limits, repeatable: true, linearizable: true };
  try {
    const request = { method: "GET", key, parameters } as const;
    return (await client.call(`read "${key}"`, request, call)).node;
  } catch (error) {
    if (!isKeysError(error, errorCodes.notFound, errorCodes.notADirectory)) throw error;
    return undefined;
  }
}

function collect({ key, value = "", dir, nodes = [], ttl }: KeysNode, keys: RawKey[]): void {
  for (const node of nodes) collect(node, keys);
  if (dir === true) return;
  const life =
    ttl === undefined ? ({ by: "nothing" } as const) : ({ by: "ttl", seconds: ttl } as const);
  keys.push({ key, value: Buffer.from(value), life });
}

/** Whether what answers there has no API 2. */
function isNotServed(error: unknown): boolean {
  const { cause } = error as Error;
  return cause instanceof HttpError && cause.blame === "unfit";
}
