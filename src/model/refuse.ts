import { DiscoveryError } from "../errors.ts";

/** Throws `INVALID_ARGUMENT`: which argument, what is wrong with it, and what to do about it. */
export function refuse(argument: string, problem: string): never {
  throw new DiscoveryError("INVALID_ARGUMENT", `${argument}: ${problem}`);
}

/** A text from outside as messages show it: in quotes, on one line, and never long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

/** The kind of a value, for messages that must not show the value itself. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  return typeof value === "object"
    ? Object.prototype.toString.call(value).slice(8, -1)
    : typeof value;
}

/** A value in messages: itself if that is short and says something, else its kind. Not for secrets. */
export function shown(value: unknown): string {
  if (typeof value === "string") return quote(value);
  return typeof value === "number" ? String(value) : kindOf(value);
}

/** Refuses what is neither a string nor absent. */
export function assertOptionalString(
  argument: string,
  value: unknown,
): asserts value is string | undefined {
  if (value !== undefined && typeof value !== "string") {
    refuse(argument, `must be a string, not ${kindOf(value)}`);
  }
}
