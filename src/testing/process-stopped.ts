import { readdirSync, readFileSync } from "node:fs";

/** Longer than any thread takes to notice a signal. */
const atMostMs = 2_000;

/**
 * Waits until a process that was sent SIGSTOP has stopped, all of its threads: `kill` returns when
 * the signal is sent, and on a busy machine a thread may well answer a call after that. Where there
 * is no `/proc` it cannot tell, and returns at once.
 */
export function waitUntilStopped(pid: number): void {
  const deadline = performance.now() + atMostMs;
  while (!isStopped(pid) && performance.now() < deadline);
}

function isStopped(pid: number): boolean {
  const folder = `/proc/${pid}/task`;
  try {
    return readdirSync(folder).every((thread) => {
      const stat = readFileSync(`${folder}/${thread}/stat`, "utf8");
      // The state follows the name, which stands in parentheses and may hold anything.
      return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
    });
  } catch {
    return true;
  }
}
