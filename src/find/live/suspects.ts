import type { CancelTimer, Clock } from "../../async/clock.ts";
import type { Logger } from "../../logger.ts";
import type { Member } from "./member.ts";

export interface SuspectOptions {
  /** For how long a host that was lost with most of its pool may still be picked when no other can, in milliseconds. Default: 60,000. */
  readonly keepMs?: number | undefined;

  /** Within how many milliseconds hosts have to go to be lost together. Default: 10,000. */
  readonly windowMs?: number | undefined;
}

export type SuspectSettings = {
  readonly [Name in keyof SuspectOptions]-?: NonNullable<SuspectOptions[Name]>;
};

/** Smaller pools lose more than half too easily. */
const smallestPool = 3;

/** Where the suspects of a pool get what they need. */
export interface SuspectContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly service: string;

  /** Who may be picked has changed. */
  readonly changed: () => void;
}

/**
 * Hosts that went without a goodbye. When more than half of a pool does so at once it is rather etcd
 * that has lost them than they their lives; then they are suspects, and stay so for a while that is
 * never made longer, so that a fleet that was really made smaller is not taken for a sick one.
 */
export class Suspects {
  readonly #settings: SuspectSettings;
  readonly #context: SuspectContext;

  /** By uuid, in the order in which they were lost. Undefined until one is. */
  #lost: Map<string, Lost> | undefined;
  #cancelTimer: CancelTimer | undefined;

  constructor(settings: SuspectSettings, context: SuspectContext) {
    this.#settings = settings;
    this.#context = context;
  }

  /** In the order in which they were lost. */
  *members(): Generator<Member> {
    for (const { member, suspect } of this.#lost?.values() ?? []) if (suspect) yield member;
  }

  /** The one of that uuid, if it is a suspect. */
  get(uuid: string): Member | undefined {
    const lost = this.#lost?.get(uuid);
    return lost?.suspect === true ? lost.member : undefined;
  }

  /** A host is gone, and has not unregistered. */
  lost(member: Member): void {
    this.#lost ??= new Map();
    const at = this.#context.clock.now();
    this.#lost.set(member.host.uuid, { member, at, suspect: false });
  }

  /** Looks whether those that were lost lately were too many, after what happened at one moment. */
  judge(living: number): void {
    const { clock, logger, service } = this.#context;
    const { keepMs } = this.#settings;
    const now = clock.now();
    this.#forgetOld(now);
    const lost = this.#lostLately(now);
    if (lost <= living || lost + living < smallestPool) return;
    let more = false;
    for (const each of this.#lost?.values() ?? []) {
      if (each.suspect || now - each.at >= keepMs) continue;
      each.suspect = true;
      more = true;
    }
    if (!more) return;
    logger.warn("most hosts were lost at once; they are kept as suspects for a while", {
      ...{ service, lost, living, keepMs },
    });
    this.#arm();
    this.#context.changed();
  }

  /** It is back, or has proved to be dead. The member it was, if it was a suspect. */
  remove(uuid: string): Member | undefined {
    const lost = this.#lost?.get(uuid);
    this.#lost?.delete(uuid);
    if (lost?.suspect !== true) return undefined;
    this.#arm();
    this.#context.changed();
    return lost.member;
  }

  close(): void {
    this.#lost = undefined;
    this.#cancelTimer?.();
  }

  #lostLately(now: number): number {
    let count = 0;
    for (const { at } of this.#lost?.values() ?? []) {
      if (now - at < this.#settings.windowMs) count += 1;
    }
    return count;
  }

  #forgetOld(now: number): void {
    for (const [uuid, { at, suspect }] of this.#lost ?? []) {
      if (!suspect && now - at >= this.#settings.windowMs) this.#lost?.delete(uuid);
    }
  }

  /** Sets the timer to the one whose time is over next. */
  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    for (const { at, suspect } of this.#lost?.values() ?? []) {
      if (!suspect) continue;
      const { clock } = this.#context;
      const due = at + this.#settings.keepMs;
      this.#cancelTimer = clock.setTimeout(() => this.#due(), due - clock.now());
      return;
    }
  }

  #due(): void {
    const now = this.#context.clock.now();
    for (const each of this.#lost?.values() ?? []) {
      if (now - each.at >= this.#settings.keepMs) each.suspect = false;
    }
    this.#forgetOld(now);
    this.#arm();
    this.#context.changed();
  }
}

interface Lost {
  readonly member: Member;
  readonly at: number;

  /** Whether it is kept to be picked. */
  suspect: boolean;
}
