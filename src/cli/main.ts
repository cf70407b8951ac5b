#!/usr/bin/env node
import { constants } from "node:os";
import { CommanderError } from "commander";
import { exitCodeOf, exitCodes, type ExitStatus } from "./exit-codes.ts";
import { hintsFor } from "./failure.ts";
import { Interruption } from "./interruption.ts";
import { Output, type OutputFlags } from "./output.ts";
import { program } from "./program.ts";
import type { CommandContext } from "./command-context.ts";

/** Runs one command and sets the exit status. Ends the process itself only if a command asks for it, as that would cut what is still being written. */
async function main(argv: readonly string[]): Promise<void> {
  const interruption = new Interruption();
  const end = argv.indexOf("--");
  const rest = end === -1 ? undefined : argv.slice(end + 1);
  let context: CommandContext | undefined;
  let output = new Output({});
  let status: ExitStatus = exitCodes.ok;
  // The program that `register` runs may end with any of the usual ones.
  const runsProgram = rest !== undefined && argv.slice(0, end).includes("register");
  const failing = (code: number): number => (runsProgram ? exitCodes.notBegun : code);
  const command = program({
    signal: interruption.signal,
    takeSignals: (signals, listener) => interruption.handOver(signals, listener),
    rest,
    began: (flags: OutputFlags) => (output = new Output(flags)),
    opened: (opened) => (context = opened),
    ended: (ended) => (status = ended),
  });
  try {
    await command.parseAsync(end === -1 ? argv : argv.slice(0, end), { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      status = error.exitCode === 0 ? exitCodes.ok : failing(exitCodes.usage);
    } else if (!interruption.signal.aborted) {
      status = failing(exitCodeOf(error));
      output.error((error as Error).message, hintsFor(error, context?.where));
      if (context?.debug) output.note((error as Error).stack ?? "");
    }
  }
  await context?.close();
  await output.flush();
  if (interruption.unwritten !== undefined) {
    status = exitCodes.failed;
    output.error(`what this command says cannot be written: ${interruption.unwritten.message}`);
  }
  interruption.release();
  const ending = interruption.received ?? status;
  // The first process of a container is not ended by a signal of its own.
  process.exitCode = typeof ending === "string" ? 128 + constants.signals[ending] : ending;
  if (typeof ending === "string") interruption.raise(ending);
  if (context?.endsAtOnce) process.exit();
}

void main(process.argv.slice(2));
