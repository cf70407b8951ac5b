import { systemClock } from "../../../async/clock.ts";
import type { CommandContext } from "../../command-context.ts";
import type { ExitStatus } from "../../exit-codes.ts";
import { statusOf } from "./exit-status.ts";
import { Leaving } from "./leaving.ts";
import type { Course } from "./run-program.ts";
import { signalPlan } from "./signal-plan.ts";

/** Keeps the host registered until a signal says to end. Returns how we are to end. */
export async function waitForSignal(
  context: CommandContext,
  { left, news, options, register }: Course,
): Promise<ExitStatus> {
  const plan = signalPlan({ command: false, foreground: false, terminal: false });
  const leaving = new Leaving(register(), options.drainMs, systemClock);
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    let first: NodeJS.Signals | undefined;
    context.takeSignals(Object.keys(plan) as NodeJS.Signals[], (signal) => {
      if (first !== undefined) leaving.skip();
      else news.stopping(signal);
      first ??= signal;
      resolve(first);
    });
  });
  left(await leaving.leave());
  return statusOf({ code: null, signal });
}
