import { milliseconds } from "../../connection-flags.ts";
import { UsageError } from "../../usage-error.ts";
import type { RegisterFlags } from "./register-flags.ts";

/** How long a command has to end, so that with unregistering before it all is done in the 10 s that Docker gives. */
const defaultGraceMs = 6_000;

/** How a command is run and ended. */
export interface RunOptions {
  /** The program and its arguments; undefined: none, the host is registered until the interruption. */
  readonly command: readonly [string, ...string[]] | undefined;
  readonly foreground: boolean;
  readonly passEtcdEnvironment: boolean;
  readonly ttlSeconds: number | undefined;
  readonly drainMs: number;
  readonly graceMs: number;
}

/** Throws a `UsageError`. */
export function runOptions(
  flags: RegisterFlags,
  rest: readonly string[] | undefined,
  platform: NodeJS.Platform = process.platform,
): RunOptions {
  const { drain, foreground = false, grace, passEtcdEnvironment = false, ttl } = flags;
  const [program, ...args] = rest ?? [];
  if (program === undefined) {
    if (rest !== undefined) throw new UsageError("a command must follow --, or leave -- out");
    const useless = { foreground, passEtcdEnvironment, grace };
    const [name] = Object.entries(useless).find(([, value]) => Boolean(value)) ?? [];
    const flag = name?.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (flag !== undefined)
      throw new UsageError(`--${flag} is for a command, which must follow --`);
  } else if (platform === "win32") {
    throw new UsageError("running a command needs a POSIX system; register without one");
  }
  return {
    command: program === undefined ? undefined : [program, ...args],
    foreground,
    passEtcdEnvironment,
    ttlSeconds: ttl === undefined ? undefined : seconds("--ttl", ttl),
    drainMs: drain === undefined ? 0 : milliseconds("--drain", drain),
    graceMs: grace === undefined ? defaultGraceMs : milliseconds("--grace", grace),
  };
}

function seconds(flag: string, text: string): number {
  const value = milliseconds(flag, text) / 1_000;
  if (Number.isInteger(value) && value >= 2) return value;
  throw new UsageError(`${flag} must be whole seconds, 2 or more, not "${text}"`);
}
