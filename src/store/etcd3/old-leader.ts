import type { CallOptions } from "../store.ts";
import type { Client } from "./client.ts";
import * as methods from "./methods.ts";

/** The first releases in which a leader that was asleep looks who leads before it ends leases (etcd's changelogs). */
const mended: Readonly<Record<string, number>> = { "3.4": 31, "3.5": 13 };

/** The last series in which no release is mended, and the first in which all are. */
const lastBroken = 3;
const firstWhole = 6;

/**
 * Whether the leader before this one, should it wake from a sleep, may end leases that were kept alive
 * by the others meanwhile (etcd-io/etcd#15247). It knows those only that were there before its sleep.
 */
export async function mayRevokeAsOldLeader(client: Client, call: CallOptions): Promise<boolean> {
  const any = { ...call, repeatable: true, linearizable: false };
  const { version } = await client.unary(methods.status, {}, any);
  if (isMended(version)) return false;
  // One that is alone is its own last leader.
  const { members } = await client.unary(methods.memberList, {}, any);
  return members.length > 1;
}

/** By a version such as `3.4.23`. What etcd did makes the mistake rare; nothing is known to rule it out. */
export function isMended(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map((part) => parseInt(part, 10));
  if (major !== 3) return major > 3;
  if (minor <= lastBroken || minor >= firstWhole) return minor >= firstWhole;
  return patch >= (mended[`${major}.${minor}`] ?? 0);
}
