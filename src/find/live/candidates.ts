import { type CheckedFilter, passes } from "./host-filter.ts";
import type { Member } from "./member.ts";
import { subsetOf } from "./subset.ts";

/** How candidates are chosen from the hosts of a pool. */
export interface CandidateRules {
  /** Those that are preferred as long as there are so many of them. */
  readonly prefer: (CheckedFilter & { readonly atLeast: number }) | undefined;
  readonly subset: { readonly size: number; readonly seed: string } | undefined;
}

/**
 * The members in groups, the best first; a group is there for when those before it have nobody to
 * offer:
 *
 * 1. living hosts that are well: the preferred ones, if there are enough, and of these the subset;
 * 2. all living hosts that are well;
 * 3. those that are draining;
 * 4. suspects;
 * 5. ejected ones: when all look bad, all are used.
 *
 * Groups are not empty, and may have members in common.
 */
export function* groupsOf(
  living: Iterable<Member>,
  suspects: Iterable<Member>,
  rules: CandidateRules,
): Generator<readonly Member[], undefined> {
  const well: Member[] = [];
  const draining: Member[] = [];
  const out: Member[] = [];
  for (const member of living) {
    if (member.out) out.push(member);
    else if (member.host.draining) draining.push(member);
    else well.push(member);
  }
  if (well.length > 0) {
    yield best(well, rules);
    yield well;
  }
  if (draining.length > 0) yield draining;
  const suspected = [...suspects];
  if (suspected.length > 0) yield suspected;
  if (out.length > 0) yield out;
}

function best(well: readonly Member[], { prefer, subset }: CandidateRules): readonly Member[] {
  const preferred = prefer && well.filter(({ host }) => passes(host, prefer));
  const enough = preferred !== undefined && preferred.length >= (prefer?.atLeast ?? 0);
  const chosen = enough ? preferred : well;
  return subset === undefined ? chosen : subsetOf(chosen, subset.size, subset.seed);
}
