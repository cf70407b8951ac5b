import type { Host } from "../../model/host.ts";
import { type CandidateRules, groupsOf } from "./candidates.ts";
import type { Member } from "./member.ts";
import type { Members } from "./members.ts";
import type { Picker } from "./strategy.ts";

/** What a selection is made from. */
export interface SelectionContext {
  readonly members: Members;
  readonly rules: CandidateRules;
  readonly picker: Picker;
  readonly random: () => number;
}

/** The hosts of a pool that may be picked, and the picking. */
export class Selection {
  readonly #context: SelectionContext;
  readonly #picker: Picker;
  #candidates: readonly Member[] = [];

  #picks = 0;

  /** The hosts of the candidates, so that a pick has one place less to look at. */
  #hosts: readonly Host[] = Object.freeze([]);

  constructor(context: SelectionContext) {
    this.#context = context;
    this.#picker = context.picker;
  }

  /** What picks are made from. A frozen array, the same one until it is different. */
  get hosts(): readonly Host[] {
    return this.#hosts;
  }

  /** How many were picked. */
  get picks(): number {
    return this.#picks;
  }

  /** Chooses the candidates anew, after something has changed. */
  refresh(): void {
    const { members, rules } = this.#context;
    const [best = []] = groupsOf(members.living, members.suspects, rules);
    const hosts = best.map(({ host }) => host);
    const same =
      hosts.length === this.#hosts.length &&
      hosts.every((host, index) => host === this.#hosts[index]);
    this.#candidates = best;
    if (same) return;
    this.#hosts = Object.freeze(hosts);
    if (best.length > 0) this.#picker.update(best);
  }

  /** Undefined if there is nobody who is not excluded. The selection must be fresh. */
  host(key: string | undefined, excluded: ReadonlySet<string> | undefined): Host | undefined {
    if (this.#hosts.length === 0) return undefined;
    const host = this.#hosts[this.#picker.pick(key, excluded)];
    if (host === undefined) return this.#substitute(excluded)?.host;
    this.#picks += 1;
    return host;
  }

  /** As {@link host}. */
  member(key: string | undefined, excluded: ReadonlySet<string> | undefined): Member | undefined {
    if (this.#hosts.length === 0) return undefined;
    const member = this.#candidates[this.#picker.pick(key, excluded)];
    if (member === undefined) return this.#substitute(excluded);
    this.#picks += 1;
    return member;
  }

  /** Somebody from the next best group, when all candidates are excluded. */
  #substitute(excluded: ReadonlySet<string> | undefined): Member | undefined {
    const { members, rules, random } = this.#context;
    for (const group of groupsOf(members.living, members.suspects, rules)) {
      const free = group.filter(({ host }) => excluded?.has(host.uuid) !== true);
      const member = free[Math.floor(random() * free.length)];
      if (member === undefined) continue;
      this.#picks += 1;
      return member;
    }
    return undefined;
  }
}
