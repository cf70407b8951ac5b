import { type DiscoveryErrorCode, isDiscoveryError } from "../errors.ts";
import { UsageError } from "./usage-error.ts";

/** What the command's exit status says; documented in `docs/command-line.md`. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  away: 5,

  // Of a command that runs another program, so that these are told from that program's, as by env and timeout.
  notBegun: 125,
  notExecutable: 126,
  noProgram: 127,
} as const;

/** How a process ends: with an exit status, or by a signal. */
export type ExitStatus = number | NodeJS.Signals;

const byErrorCode: Partial<Record<DiscoveryErrorCode, number>> = {
  INVALID_ARGUMENT: exitCodes.usage,
  SERVICE_NOT_FOUND: exitCodes.notFound,
  NO_HOST_FOUND: exitCodes.notFound,
  NO_HOST_FOUND_ON_SHARD: exitCodes.notFound,
  UNKNOWN_SCHEME: exitCodes.notFound,
  UNAUTHENTICATED: exitCodes.denied,
  PERMISSION_DENIED: exitCodes.denied,
  UNAVAILABLE: exitCodes.away,
  TIMEOUT: exitCodes.away,
};

/** The exit status that an error stands for. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage;
  if (!isDiscoveryError(error)) return exitCodes.failed;
  return byErrorCode[error.code] ?? exitCodes.failed;
}
