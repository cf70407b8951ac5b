import type { ProgramProcess } from "./program-process.ts";

/** Sees to it that a program does not outlive us, whatever we end by but SIGKILL. Returns its undo. */
export function guardAgainstCrashes(
  program: Pick<ProgramProcess, "send">,
  onCrash: (error: unknown) => void,
): () => void {
  const kill = (): void => program.send("SIGKILL");
  process.on("uncaughtException", onCrash);
  process.on("exit", kill);
  return () => {
    process.off("uncaughtException", onCrash);
    process.off("exit", kill);
  };
}
