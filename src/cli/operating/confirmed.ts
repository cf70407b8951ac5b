import { createInterface } from "node:readline";
import { onAbort } from "../../async/abort.ts";

/**
 * Asks a question on the terminal; true only for `y` or `yes`. No answer, as when the terminal is gone, is
 * a no. Rejects with the signal's reason.
 */
export function confirmed(question: string, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.reject(signal.reason);
  process.stderr.write(`${question} [y/N] `);
  // Not as a terminal: that would take Ctrl-C for itself.
  const lines = createInterface({ input: process.stdin, terminal: false });
  return new Promise<boolean>((resolve, reject) => {
    lines.once("line", (answer) => resolve(/^\s*y(?:es)?\s*$/i.test(answer)));
    lines.once("close", () => resolve(false));
    const forget = onAbort(signal, () => reject(signal.reason));
    lines.once("close", forget);
  }).finally(() => {
    lines.close();
    process.stdin.pause();
  });
}
