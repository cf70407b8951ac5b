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

  /** By uuid, in the order in which they were lost; suspects, too, as long as the window is. */
  readonly #lost = new Map<string, Lost>();
  readonly #suspects = new Map<string, Lost>();
  #cancelTimer: CancelTimer = () => {};

  constructor(settings: SuspectSettings, context: SuspectContext) {
    this.#settings = settings;
    this.#context = context;
  }

  /** In the order in which they were lost. */
  *members(): Generator<Member> {
    for (const { member } of this.#suspects.values()) yield member;
  }

  get size(): number {
    return this.#suspects.size;
  }

  /** A host is gone, and has not unregistered. */
  lost(member: Member): void {
    this.#lost.set(member.host.uuid, { member, at: this.#context.clock.now() });
  }

  /** Looks whether those that were lost lately were too many, after what happened at one moment. */
  judge(living: number): void {
    const { clock, logger, service } = this.#context;
    const { windowMs, keepMs } = this.#settings;
    const now = clock.now();
    for (const [uuid, { at }] of this.#lost) {
      if (now - at < windowMs) break;
      this.#lost.delete(uuid);
    }
    const lost = this.#lost.size;
    if (lost <= living || lost + living < smallestPool) return;
    const before = this.#suspects.size;
    for (const [uuid, each] of this.#lost) this.#suspects.set(uuid, each);
    if (this.#suspects.size === before) return;
    logger.warn("most hosts were lost at once; they are kept as suspects for a while", {
      ...{ service, lost, living, keepMs },
    });
    this.#arm();
    this.#context.changed();
  }

  /** It is back, or has proved to be dead. The member it was, if it was a suspect. */
  remove(uuid: string): Member | undefined {
    this.#lost.delete(uuid);
    const suspect = this.#suspects.get(uuid);
    if (suspect === undefined) return undefined;
    this.#suspects.delete(uuid);
    this.#arm();
    this.#context.changed();
    return suspect.member;
  }

  close(): void {
    this.#lost.clear();
    this.#suspects.clear();
    this.#cancelTimer();
  }

  /** Sets the timer to the one whose time is over next. */
  #arm(): void {
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    const [first] = this.#suspects.values();
    if (first === undefined) return;
    const { clock } = this.#context;
    const due = first.at + this.#settings.keepMs;
    this.#cancelTimer = clock.setTimeout(() => this.#due(), due - clock.now());
  }

  #due(): void {
    const past = this.#context.clock.now() - this.#settings.keepMs;
    for (const [uuid, { at }] of this.#suspects) {
      if (at > past) break;
      this.#suspects.delete(uuid);
    }
    this.#arm();
    this.#context.changed();
  }
}

interface Lost {
  readonly member: Member;
  readonly at: number;
}
