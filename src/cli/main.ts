#!/usr/bin/env node
import { CommanderError } from "commander";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { hintsFor } from "./failure.ts";
import { Interruption } from "./interruption.ts";
import { Output, type OutputFlags } from "./output.ts";
import { program } from "./program.ts";
import type { CommandContext } from "./command-context.ts";

/** Runs one command and sets the exit status. Never ends the process itself, which would cut what is still being written. */
async function main(argv: readonly string[]): Promise<void> {
  const interruption = new Interruption();
  const end = argv.indexOf("--");
  const rest = end === -1 ? undefined : argv.slice(end + 1);
  let context: CommandContext | undefined;
  let output = new Output({});
  let code: number = exitCodes.ok;
  const command = program({
    signal: interruption.signal,
    rest,
    began: (flags: OutputFlags) => (output = new Output(flags)),
    opened: (opened) => (context = opened),
    ended: (status) => (code = status),
  });
  try {
    await command.parseAsync(end === -1 ? argv : argv.slice(0, end), { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      code = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    } else if (!interruption.signal.aborted) {
      code = exitCodeOf(error);
      output.error((error as Error).message, hintsFor(error, context?.where));
      if (context?.debug) output.note((error as Error).stack ?? "");
    }
  }
  await context?.close();
  interruption.release();
  process.exitCode = code;
  if (interruption.received !== undefined) interruption.raise();
}

void main(process.argv.slice(2));
