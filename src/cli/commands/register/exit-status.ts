import { constants } from "node:os";
import { type ExitStatus, exitCodes } from "../../exit-codes.ts";

/** How a program has ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** By which supervisors, and shells, know that it was told to end. */
const raised: readonly string[] = ["SIGHUP", "SIGINT", "SIGTERM"];

/** How we end, when the program has ended like this: with its code; by its signal, if that is one that asks to end; else as a shell says it. */
export function statusOf({ code, signal }: ProgramEnd): ExitStatus {
  if (signal === null) return code ?? exitCodes.notBegun;
  return raised.includes(signal) ? signal : 128 + constants.signals[signal];
}

/** What there was too little of: that is no fault of the program's. */
const scarce: readonly string[] = ["EAGAIN", "ENOMEM", "EMFILE", "ENFILE"];

/** The exit code for a program that could not be started, as of env and timeout. */
export function spawnFailureCode({ code = "" }: NodeJS.ErrnoException): number {
  if (code === "ENOENT") return exitCodes.noProgram;
  return scarce.includes(code) ? exitCodes.notBegun : exitCodes.notExecutable;
}
