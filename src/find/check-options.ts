import { DiscoveryError } from "../errors.ts";

/** @throws DiscoveryError `INVALID_ARGUMENT` if options are given that are no object. */
export function checkOptions(call: string, options: unknown): void {
  if (typeof options !== "object" || options === null) {
    throw new DiscoveryError("INVALID_ARGUMENT", `${call}: options must be an object`);
  }
}

/** @throws DiscoveryError `INVALID_ARGUMENT` if a signal is given that is no `AbortSignal`. */
export function checkSignal(call: string, signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new DiscoveryError("INVALID_ARGUMENT", `${call}: signal must be an AbortSignal`);
  }
}

/** @throws DiscoveryError `INVALID_ARGUMENT` if a switch is given that is neither true nor false. */
export function checkBoolean(call: string, name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") {
    throw new DiscoveryError("INVALID_ARGUMENT", `${call}: ${name} must be true or false`);
  }
}
