import { DiscoveryError } from "../../errors.ts";
import { quote } from "../../model/refuse.ts";
import type { CheckedFilter } from "./host-filter.ts";

/** Why there is nothing to pick from: nothing is known yet. The cause is why etcd could not be read, if it was tried. */
export function notReady(pool: string, cause: Error | undefined): DiscoveryError {
  const message = `the hosts of ${pool} are not known yet: await waitReady() first`;
  return new DiscoveryError("NOT_READY", message, { cause });
}

/** What is known is too old. */
export function tooOld(
  pool: string,
  ageMs: number,
  maxStaleMs: number,
  cause: Error | undefined,
): DiscoveryError {
  const message = `what is known of ${pool} is ${Math.round(ageMs)} ms old, and maxStaleMs is ${maxStaleMs}`;
  return new DiscoveryError("UNAVAILABLE", message, { cause });
}

/** It is known that there is nobody. */
export function nobody(
  pool: string,
  { metadata, shard }: CheckedFilter,
  hosts: { readonly ofPool: number; readonly ofService: number },
): DiscoveryError {
  if (hosts.ofPool > 0) {
    return new DiscoveryError("NO_HOST_FOUND", `all hosts of ${pool} are excluded`);
  }
  if (hosts.ofService === 0) {
    return new DiscoveryError("NO_HOST_FOUND", `no host of ${pool} lives`);
  }
  if (shard === undefined) {
    const message = `${pool} has hosts, but none with the metadata asked for`;
    return new DiscoveryError("NO_HOST_FOUND", message);
  }
  const having = metadata === undefined ? "" : " with the metadata asked for";
  const message = `${pool} has hosts, but none on shard ${quote(shard)}${having}`;
  return new DiscoveryError("NO_HOST_FOUND_ON_SHARD", message);
}

/** The pool has ended. */
export function ended(pool: string): DiscoveryError {
  return new DiscoveryError("CLOSED", `${pool} has ended`);
}
