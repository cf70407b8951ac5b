import { isAbsolute, resolve } from "node:path";
import { optionalMilliseconds, optionalSignal, optionsBag } from "../../arguments.ts";
import { kindOf, refuse, shown } from "../../model/refuse.ts";
import type { CandidateRules } from "./candidates.ts";
import type { EjectionOptions, EjectionSettings } from "./ejections.ts";
import { type CheckedFilter, checkFilter, filterBag, type HostFilter } from "./host-filter.ts";
import { leastBusy } from "./least-busy.ts";
import type { Strategy } from "./strategy.ts";
import type { SuspectOptions, SuspectSettings } from "./suspects.ts";

/** The hosts that a pool prefers to its others. */
export interface Preference extends HostFilter {
  /** As long as at least so many of them may be picked; else all hosts of the pool are. Fewer would be overrun. Default: 3. */
  readonly atLeast?: number | undefined;
}

/** A part of the hosts, so that not every client has connections to every host. */
export interface Subset {
  /** How many. */
  readonly size: number;

  /** Who is asking: processes with the same seed get the same hosts. Default: another one for each pool. */
  readonly seed?: string | undefined;
}

/** What a live pool keeps, and how it picks. */
export interface LiveOptions extends HostFilter {
  /** Ends the pool: the same as `close()`. */
  readonly signal?: AbortSignal | undefined;

  /** How a host is chosen. Default: `leastBusy()`. */
  readonly strategy?: Strategy | undefined;

  /** Hosts to be preferred, such as `{ metadata: { zone: "eu-1" } }` or `{ shard: "shard-0" }`. Default: none. */
  readonly prefer?: Preference | undefined;

  /** Picks only from so many of the hosts, chosen by their uuids. 20 is a good number for large fleets. Default: all. */
  readonly subset?: number | Subset | undefined;

  /**
   * For how long after contact with etcd was lost the hosts known by then are good enough, in
   * milliseconds; after that, picks throw `UNAVAILABLE`. Default: for ever.
   */
  readonly maxStaleMs?: number | undefined;

  /** When hosts that fail are left alone; false: never. */
  readonly ejection?: EjectionOptions | false | undefined;

  /** For how long hosts are kept of which etcd lost most at once; false: not at all. */
  readonly suspects?: SuspectOptions | false | undefined;

  /**
   * A file to keep the hosts in, so that a process can start while etcd is away. It holds their
   * passwords, and is readable for its owner only. Default: none.
   */
  readonly snapshot?: string | undefined;
}

/** Options that were checked, with the defaults filled in. */
export interface LiveSettings {
  readonly signal: AbortSignal | undefined;
  readonly filter: CheckedFilter;
  readonly strategy: Strategy;
  readonly rules: CandidateRules;
  readonly maxStaleMs: number;
  readonly ejection: EjectionSettings | undefined;
  readonly suspects: SuspectSettings | undefined;
  readonly snapshot: string | undefined;
}

/** Throws `INVALID_ARGUMENT`, naming the field. */
export function checkLiveOptions(
  options: LiveOptions | undefined,
  random: () => number,
): LiveSettings {
  const bag = optionsBag(options, {
    signal: true,
    strategy: true,
    shard: true,
    metadata: true,
    prefer: true,
    subset: true,
    maxStaleMs: true,
    ejection: true,
    suspects: true,
    snapshot: true,
  });
  return {
    signal: optionalSignal(bag.signal),
    filter: checkFilter(bag),
    strategy: checkStrategy(bag.strategy),
    rules: checkRules(bag, random),
    maxStaleMs: optionalMilliseconds("maxStaleMs", bag.maxStaleMs, 0) ?? Infinity,
    ejection: checkEjection(bag.ejection),
    suspects: checkSuspects(bag.suspects),
    snapshot: checkFile(bag.snapshot),
  };
}

// What is not given is the same for all pools, and made once: there may be thousands of them.
const defaultStrategy = leastBusy();
const noPreference: CandidateRules = { prefer: undefined, subset: undefined };
const defaultEjection: EjectionSettings = {
  failures: 5,
  baseMs: 5_000,
  maxMs: 300_000,
  maxShare: 0.5,
};
const defaultSuspects: SuspectSettings = { keepMs: 60_000, windowMs: 10_000 };

function checkStrategy(strategy: Strategy | undefined): Strategy {
  if (strategy === undefined) return defaultStrategy;
  const given: unknown = strategy;
  if (typeof given === "object" && given !== null && typeof strategy.picker === "function") {
    return strategy;
  }
  refuse("strategy", `must be one such as roundRobin(), not ${shown(given)}`);
}

function checkRules({ prefer, subset }: LiveOptions, random: () => number): CandidateRules {
  if (prefer === undefined && subset === undefined) return noPreference;
  return { prefer: checkPreference(prefer), subset: checkSubset(subset, random) };
}

function checkPreference(prefer: Preference | undefined): CandidateRules["prefer"] {
  if (prefer === undefined) return undefined;
  const bag = filterBag("prefer", prefer, { shard: true, metadata: true, atLeast: true });
  const filter = checkFilter(bag, "prefer.");
  if (filter.shard === undefined && filter.metadata === undefined) {
    refuse("prefer", "give a shard, metadata, or both");
  }
  return { ...filter, atLeast: whole("prefer.atLeast", bag.atLeast, 3) };
}

function checkSubset(
  subset: number | Subset | undefined,
  random: () => number,
): CandidateRules["subset"] {
  if (subset === undefined) return undefined;
  const given = typeof subset === "number" ? { size: subset } : subset;
  const bag: Subset = filterBag("subset", given, { size: true, seed: true });
  const { seed } = bag;
  if (seed !== undefined && typeof seed !== "string") {
    refuse("subset.seed", `must be a string, not ${kindOf(seed)}`);
  }
  const size = whole(typeof subset === "number" ? "subset" : "subset.size", bag.size, undefined);
  return { size, seed: seed ?? String(random()) };
}

function checkEjection(
  ejection: EjectionOptions | false | undefined,
): EjectionSettings | undefined {
  if (ejection === undefined) return defaultEjection;
  if (ejection === false) return undefined;
  const names = { failures: true, baseMs: true, maxMs: true, maxShare: true } as const;
  const bag = filterBag("ejection", ejection, names);
  const byDefault = defaultEjection;
  const baseMs = optionalMilliseconds("ejection.baseMs", bag.baseMs, 1) ?? byDefault.baseMs;
  const maxMs = optionalMilliseconds("ejection.maxMs", bag.maxMs, baseMs);
  const maxShare = bag.maxShare ?? byDefault.maxShare;
  if (typeof maxShare !== "number" || !(maxShare >= 0 && maxShare <= 1)) {
    refuse("ejection.maxShare", `must be a number from 0 to 1, not ${shown(maxShare)}`);
  }
  return {
    failures: whole("ejection.failures", bag.failures, byDefault.failures),
    baseMs,
    maxMs: maxMs ?? Math.max(baseMs, byDefault.maxMs),
    maxShare,
  };
}

function checkSuspects(suspects: SuspectOptions | false | undefined): SuspectSettings | undefined {
  if (suspects === undefined) return defaultSuspects;
  if (suspects === false) return undefined;
  const bag = filterBag("suspects", suspects, { keepMs: true, windowMs: true });
  return {
    keepMs: optionalMilliseconds("suspects.keepMs", bag.keepMs, 1) ?? defaultSuspects.keepMs,
    windowMs:
      optionalMilliseconds("suspects.windowMs", bag.windowMs, 1) ?? defaultSuspects.windowMs,
  };
}

function checkFile(snapshot: string | undefined): string | undefined {
  if (snapshot === undefined) return undefined;
  if (typeof snapshot !== "string" || snapshot === "" || snapshot.includes("\0")) {
    refuse("snapshot", `must be the name of a file, not ${shown(snapshot)}`);
  }
  // Now, as the working folder may be another one later.
  return isAbsolute(snapshot) ? snapshot : resolve(snapshot);
}

/** A whole number from 1 on. */
function whole(field: string, value: number | undefined, otherwise: number | undefined): number {
  const given: unknown = value ?? otherwise;
  if (typeof given === "number" && Number.isSafeInteger(given) && given >= 1) return given;
  refuse(field, `must be a whole number from 1 on, not ${shown(given)}`);
}
