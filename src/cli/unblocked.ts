import { constants, fstatSync, openSync, writeSync } from "node:fs";
import type { OutputStream } from "./output.ts";

/**
 * A way to the same pipe on which nothing waits: where nobody reads and it is full, what is written is
 * lost. A pipe that a program has been given, too, would otherwise hold up this process, whatever it has
 * to do meanwhile. Anything but a pipe of Linux stays as it is.
 */
export function unblocked(stream: OutputStream, descriptor: number): OutputStream {
  let own: number;
  try {
    if (!fstatSync(descriptor).isFIFO()) return stream;
    // Opened anew, since whether it waits is said of all who share what was opened.
    own = openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return stream;
  }
  return {
    write: (text: string | Uint8Array): boolean => {
      try {
        writeSync(own, Buffer.from(text));
        return true;
      } catch {
        // Full, or nobody is there any more.
        return false;
      }
    },
  };
}
