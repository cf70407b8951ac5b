import type { CancelTimer, Clock } from "../../async/clock.ts";
import type { Logger } from "../../logger.ts";
import type { FindReport } from "../find-report.ts";
import type { Member } from "./member.ts";
import type { Outcome } from "./outcome.ts";

/** What a host has done to the requests sent to it. */
export interface HostHealth {
  /**
   * - `in`: may be picked;
   * - `ejected`: is left alone until its time is over;
   * - `trial`: its time is over, and the next use decides;
   * - `probed`: that use is under way, and nobody else is sent there.
   */
  state: "in" | "ejected" | "trial" | "probed";

  /** Failures in a row. */
  failures: number;

  /** How often it was ejected, less one for each ten seconds in which it was well. */
  ejections: number;

  /** How often its state began anew: what was begun before does not count. */
  epoch: number;

  /** When `ejected` or `probed` is over. */
  until: number;

  /** Since when it has been `in`. */
  since: number;
}

export interface EjectionOptions {
  /** After how many failures in a row a host is ejected; 1 or more. A host that cannot be reached at all is ejected at the first. Default: 5. */
  readonly failures?: number | undefined;

  /** For how long at first, in milliseconds; twice as long each further time, half of it random. Default: 5,000. */
  readonly baseMs?: number | undefined;

  /** For how long at most, in milliseconds. Default: 300,000. */
  readonly maxMs?: number | undefined;

  /** The share of the hosts that may be ejected for failures, from 0 to 1. Those that cannot be reached at all are beyond it. Default: 0.5. */
  readonly maxShare?: number | undefined;
}

export type EjectionSettings = {
  readonly [Name in keyof EjectionOptions]-?: NonNullable<EjectionOptions[Name]>;
};

/** A host forgets one ejection each time it was well for so long. */
const forgiveMs = 10_000;

/** A use that decides and does not end in this time no longer keeps others away. */
const probeMs = 5_000;

/** Where the ejections of a pool get what they need. */
export interface EjectionContext {
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly report: Pick<FindReport, "ejection">;
  readonly service: string;

  /** Who may be picked has changed. */
  readonly changed: () => void;
}

/** The hosts that are judged. */
export interface Living {
  /** Whether it is one of those that live; nothing is kept of the others. */
  has(member: Member): boolean;

  /** How many there are that may be picked unless they are ejected. */
  readonly eligible: number;
}

const nobody: ReadonlySet<Member> = new Set();

/**
 * Passive health: takes hosts that fail out of the pool for a growing time, which covers the seconds
 * between a crash and the end of the lease. When none is left the pool uses all of them, so there is
 * no state in which a pool refuses to work because of what is known here.
 */
export class Ejections {
  readonly #settings: EjectionSettings;
  readonly #context: EjectionContext;
  readonly #living: Living;

  /** Those that are `ejected` or `probed`. Undefined until one is. */
  #out: Set<Member> | undefined;
  #cancelTimer: CancelTimer | undefined;
  #count = 0;
  #closed = false;

  constructor(settings: EjectionSettings, living: Living, context: EjectionContext) {
    this.#settings = settings;
    this.#living = living;
    this.#context = context;
  }

  /** Those that are left alone now. */
  get out(): ReadonlySet<Member> {
    return this.#out ?? nobody;
  }

  /** How often a host was ejected. */
  get count(): number {
    return this.#count;
  }

  /** A use begins; what is returned goes to {@link ended}. */
  began(member: Member): number {
    const { health } = member;
    if (health === undefined) return 0;
    if (health.state === "trial") {
      health.state = "probed";
      health.until = this.#context.clock.now() + probeMs;
      this.#takeOut(member);
    }
    return health.epoch;
  }

  /** A use has ended like this. */
  ended(member: Member, epoch: number, outcome: Outcome): void {
    const { health } = member;
    if ((health?.epoch ?? 0) !== epoch || this.#closed || !this.#living.has(member)) return;
    if (outcome === "succeeded") {
      if (health !== undefined) this.#recovered(member, health);
    } else if (outcome === "undecided") {
      if (health?.state === "probed") this.#trial(member, health);
    } else {
      this.#failed(member, outcome === "unreachable");
    }
  }

  /** It does not live any longer, as far as is known. */
  forget(member: Member): void {
    member.health = undefined;
    if (this.#out?.delete(member)) this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#out = undefined;
    this.#cancelTimer?.();
  }

  #recovered(member: Member, health: HostHealth): void {
    health.failures = 0;
    if (health.state === "in") return;
    health.state = "in";
    health.since = this.#context.clock.now();
    const { logger, report, service } = this.#context;
    logger.info("a host that failed works again", this.#fields(member));
    this.#bringBack(member);
    report.ejection(service, member.host, "recovered");
  }

  #failed(member: Member, unreachable: boolean): void {
    const now = this.#context.clock.now();
    const health = (member.health ??= firstHealth(now));
    health.failures += 1;
    // Picked though it is out, as there was nobody else: its time is not made longer by that.
    if (health.state === "ejected") return;
    if (health.state === "in") {
      const due = unreachable || health.failures >= this.#settings.failures;
      if (!due || !(unreachable || this.#mayEject())) return;
      const forgiven = Math.floor((now - health.since) / forgiveMs);
      health.ejections = Math.max(0, health.ejections - forgiven);
    }
    this.#eject(member, health, now);
  }

  #mayEject(): boolean {
    return this.out.size + 1 <= this.#living.eligible * this.#settings.maxShare;
  }

  #eject(member: Member, health: HostHealth, now: number): void {
    const { baseMs, maxMs } = this.#settings;
    const wholeMs = Math.min(maxMs, baseMs * 2 ** health.ejections);
    const forMs = wholeMs * (0.5 + 0.5 * this.#context.random());
    health.state = "ejected";
    health.ejections += 1;
    health.epoch += 1;
    health.until = now + forMs;
    this.#count += 1;
    const { failures } = health;
    const { logger, report, service } = this.#context;
    logger.info("a host fails, and is left alone for a while", {
      ...this.#fields(member),
      failures,
      forMs: Math.round(forMs),
    });
    this.#takeOut(member);
    report.ejection(service, member.host, "ejected", failures, forMs);
  }

  #trial(member: Member, health: HostHealth): void {
    health.state = "trial";
    this.#bringBack(member);
    const { report, service } = this.#context;
    report.ejection(service, member.host, "trial");
  }

  #takeOut(member: Member): void {
    this.#out ??= new Set();
    this.#out.add(member);
    this.#arm();
    this.#context.changed();
  }

  #bringBack(member: Member): void {
    if (!this.#out?.delete(member)) return;
    this.#arm();
    this.#context.changed();
  }

  /** Sets the timer to whoever is due next. */
  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    let next = Infinity;
    for (const { health } of this.out) next = Math.min(next, health?.until ?? Infinity);
    if (next === Infinity) return;
    const { clock } = this.#context;
    this.#cancelTimer = clock.setTimeout(() => this.#due(), next - clock.now());
  }

  #due(): void {
    const { clock, report, service } = this.#context;
    const now = clock.now();
    for (const member of [...this.out]) {
      const { health } = member;
      if (health === undefined || health.until > now) continue;
      health.state = "trial";
      this.#out?.delete(member);
      report.ejection(service, member.host, "trial");
    }
    this.#arm();
    this.#context.changed();
  }

  #fields({ host }: Member): Record<string, unknown> {
    return { service: this.#context.service, uuid: host.uuid, host: String(host) };
  }
}

function firstHealth(now: number): HostHealth {
  return { state: "in", failures: 0, ejections: 0, epoch: 0, until: 0, since: now };
}
