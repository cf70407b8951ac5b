import { optionalMilliseconds, optionsBag } from "../../arguments.ts";
import type { HostRecord } from "../../model/record.ts";
import { kindOf, refuse, shown } from "../../model/refuse.ts";
import type { CheckFunction, CheckTiming, FunctionCheck, HealthCheck } from "./health-check.ts";
import { checkProbe } from "./probe-options.ts";
import { targetOf } from "./probe-target.ts";

/** What one check does. It is well if this resolves with `true` or nothing. */
export type Run = (context: {
  readonly signal: AbortSignal;

  /** The newest record of the host. */
  readonly record: HostRecord;
}) => unknown;

/** A health check whose options were checked, with the defaults filled in. */
export interface CheckSettings {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly fall: number;
  readonly rise: number;
  readonly run: Run;
}

const timingNames = {
  type: true,
  intervalMs: true,
  timeoutMs: true,
  fall: true,
  rise: true,
} as const;

/** Throws `INVALID_ARGUMENT`, naming the field; also for a port that the host does not have. */
export function checkSettings(
  check: HealthCheck | undefined,
  record: HostRecord,
): CheckSettings | undefined {
  if (check === undefined) return undefined;
  if (typeof check === "function") return { ...timing({}), run: runOf(check) };
  const given: unknown = check;
  if (typeof given !== "object" || given === null) {
    refuse(
      "check",
      `must be a function, or an object such as { type: "http" }, not ${kindOf(given)}`,
    );
  }
  if (check.type !== "function") {
    const probe = checkProbe(check, record, timingNames);
    const run: Run = async ({ record: newest, signal }) => {
      const target = targetOf(probe, newest);
      const { sendProbe } = await import("./probes/send-probe.ts");
      await sendProbe(probe, target, newest, signal);
    };
    return { ...timing(check), run };
  }
  const bag = optionsBag<FunctionCheck>(check, { ...timingNames, run: true }, "check");
  if (typeof bag.run !== "function") {
    refuse("check.run", `must be a function that returns true or false, not ${kindOf(bag.run)}`);
  }
  return { ...timing(bag), run: runOf(bag.run) };
}

function runOf(check: CheckFunction): Run {
  // What it is called with is the user's to keep.
  return ({ signal }) => check({ signal });
}

function timing(given: CheckTiming): Omit<CheckSettings, "run"> {
  return {
    intervalMs: optionalMilliseconds("check.intervalMs", given.intervalMs, 1) ?? 2_000,
    timeoutMs: optionalMilliseconds("check.timeoutMs", given.timeoutMs, 1) ?? 1_000,
    fall: times("check.fall", given.fall, 3),
    rise: times("check.rise", given.rise, 2),
  };
}

function times(field: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (Number.isSafeInteger(value) && value >= 1) return value;
  refuse(field, `must be a whole number from 1 on, not ${shown(value)}`);
}
