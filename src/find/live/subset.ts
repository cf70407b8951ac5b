import { hash, mixed } from "./hash.ts";
import type { Member } from "./member.ts";

/**
 * So many of the members, by their uuids and a seed (rendezvous hashing): processes with different
 * seeds get different ones, evenly spread, and when a host comes or goes at most one is another.
 */
export function subsetOf(
  members: readonly Member[],
  size: number,
  seed: string,
): readonly Member[] {
  if (members.length <= size) return members;
  const ranks = Float64Array.from(members, (member) => rankOf(member, seed)).sort();
  const last = ranks[size - 1] ?? 0;
  return members.filter((member) => rankOf(member, seed) <= last);
}

/** Of 53 bits, so that no two members share one. */
function rankOf(member: Member, seed: string): number {
  if (member.rank === undefined) {
    const high = hash(member.host.uuid, hash(seed));
    member.rank = (high & 0x1fffff) * 2 ** 32 + mixed(hash(member.host.uuid) ^ high);
  }
  return member.rank;
}
