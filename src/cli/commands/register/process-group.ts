import { readdirSync, readFileSync } from "node:fs";

/** Sends a signal to all processes of a group; whether there was one to get it. */
export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  return send(-group, signal) === undefined;
}

/** Sends a signal to one process; whether it was there. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  return send(pid, signal) === undefined;
}

/** Whether any process of a group is alive. Those that have ended and nobody collects are not: as the first process of a container we get such. */
export function isGroupAlive(group: number): boolean {
  const failure = send(-group, 0);
  if (failure === "ESRCH") return false;
  if (process.platform !== "linux") return true;
  try {
    return readdirSync("/proc").some((name) => /^\d+$/.test(name) && isAlive(name, group));
  } catch {
    return true;
  }
}

function send(target: number, signal: NodeJS.Signals | 0): string | undefined {
  try {
    process.kill(target, signal);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

function isAlive(pid: string, group: number): boolean {
  try {
    // The name is in parentheses and may hold anything (man 5 proc); state, parent and group follow it.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state = "", , of] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(of) === group && !/[ZX]/.test(state);
  } catch {
    return false;
  }
}
