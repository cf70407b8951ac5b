import { assertOptionNames, type OptionNames } from "./model/option-names.ts";
import { kindOf, refuse } from "./model/refuse.ts";

/** Options of everything that can be waited for. */
export interface WaitOptions {
  /** Ends the wait alone, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** An options bag: an object, or undefined, which is an empty one. Throws `INVALID_ARGUMENT`, also for a slip in a name. */
export function optionsBag<T extends object>(
  options: T | undefined,
  names: OptionNames<NoInfer<T>>,
  field = "options",
): T {
  if (options === undefined) return {} as T;
  if (typeof options !== "object" || options === null) {
    refuse(field, `must be an object, not ${kindOf(options)}`);
  }
  assertOptionNames<T>(options, names);
  return options;
}

/** A bag with nothing but a signal in it. */
export function signalOf(options: WaitOptions | undefined): AbortSignal | undefined {
  return optionalSignal(optionsBag(options, { signal: true }).signal);
}

export function optionalSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    refuse("signal", `must be an AbortSignal, not ${kindOf(signal)}`);
  }
  return signal;
}

/** The longest delay that a timer can wait; Node fires longer ones at once. */
const longestDelayMs = 2 ** 31 - 1;

export function optionalMilliseconds(
  field: string,
  value: number | undefined,
  minimum: number,
): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !(value >= minimum && value <= longestDelayMs)) {
    refuse(field, `must be a number of milliseconds from ${minimum} to ${longestDelayMs}`);
  }
  return value;
}
