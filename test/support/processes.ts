import { readFileSync } from "node:fs";

/** Whether a process of that id runs. One that has ended and is not yet collected by its parent does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    // The state follows the name, which is in parentheses and may hold anything (man 5 proc).
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^ [ZX]/.test(stat.slice(stat.lastIndexOf(")") + 1));
  } catch {
    return process.platform !== "linux";
  }
}
