import { isatty } from "node:tty";
import { systemClock } from "../../../async/clock.ts";
import type { Registration } from "../../../register/registration.ts";
import type { CommandContext } from "../../command-context.ts";
import { type ExitStatus, exitCodes } from "../../exit-codes.ts";
import { commandEnvironment } from "./command-environment.ts";
import { guardAgainstCrashes } from "./crash-guard.ts";
import { Ending } from "./ending.ts";
import { spawnFailureCode, statusOf } from "./exit-status.ts";
import { Leaving } from "./leaving.ts";
import type { News } from "./news.ts";
import { ProgramProcess } from "./program-process.ts";
import type { RunOptions } from "./run-options.ts";
import { signalPlan } from "./signal-plan.ts";

/** What is done with the host while something runs, or waits. */
export interface Course {
  readonly options: RunOptions;
  readonly news: News;

  /** Registers the host. */
  readonly register: () => Registration;

  /** Told whether etcd has confirmed that the host is off it. */
  readonly left: (confirmed: boolean) => void;
}

/** Runs a program, registered for as long as it runs. Returns how we are to end. */
export async function runProgram(
  context: CommandContext,
  command: readonly [string, ...string[]],
  { left, news, options, register }: Course,
): Promise<ExitStatus> {
  const { drainMs, foreground, graceMs, passEtcdEnvironment } = options;
  let stopped: NodeJS.Signals | undefined;
  let program: ProgramProcess | undefined;
  let ending: Ending | undefined;
  const terminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  const plan = signalPlan({ command: true, foreground, terminal });
  context.takeSignals(Object.keys(plan) as NodeJS.Signals[], (signal) => {
    const action = plan[signal];
    if (action === "forward") program?.send(signal);
    else if (action === "suspend") {
      // What leads a session of its own would not stop by a SIGTSTP.
      program?.send("SIGSTOP");
      process.kill(process.pid, "SIGSTOP");
    } else if (action !== "ignore") {
      if (stopped === undefined) news.stopping(signal);
      stopped ??= signal;
      ending?.stop(signal);
    }
  });
  if (stopped !== undefined) return statusOf({ code: null, signal: stopped });
  try {
    const environment = passEtcdEnvironment ? process.env : commandEnvironment(process.env);
    program = await ProgramProcess.start(command, { environment, foreground });
  } catch (error) {
    news.notStarted(error as NodeJS.ErrnoException);
    return spawnFailureCode(error as NodeJS.ErrnoException);
  }
  let crashed = false;
  const unguard = guardAgainstCrashes(program, (error) => {
    news.crashed(error);
    crashed = true;
    ending?.stop("SIGTERM");
  });
  try {
    news.started(program.pid);
    const leaving = new Leaving(register(), drainMs, systemClock);
    ending = new Ending({
      program,
      leave: async () => left(await leaving.leave()),
      skipDrain: () => leaving.skipDrain(),
      skipLeaving: () => leaving.skip(),
      signalling: (signal) => news.signalling(signal),
      graceMs,
      clock: systemClock,
    });
    if (stopped !== undefined) ending.stop(stopped);
    const end = await ending.wait();
    news.ended(end);
    return crashed ? exitCodes.notBegun : statusOf(end);
  } finally {
    program.send("SIGKILL");
    unguard();
  }
}
