import { constants, fstatSync, openSync, writeSync } from "node:fs";
import type { OutputStream } from "./output.ts";
import { Relay } from "./relay.ts";

/** A stream whose reader nobody waits for, but for a moment at the end. */
export interface UnblockedStream extends OutputStream {
  /** Resolves when what was written has been taken, or that takes too long. Default: there is nothing to wait for. */
  flush?(): Promise<void>;
}

/**
 * A way to the same pipe or socket on which nothing waits: where nobody reads and it is full, what is written
 * is lost. One that a program has been given, too, would otherwise hold up this process, whatever it has to do
 * meanwhile. Files and terminals, and pipes of other systems than Linux, stay as they are.
 */
export function unblocked(stream: OutputStream, descriptor: number): UnblockedStream {
  try {
    const kind = fstatSync(descriptor);
    if (kind.isSocket()) return new Relay(stream, descriptor);
    return kind.isFIFO() ? reopened(descriptor) : stream;
  } catch {
    return stream;
  }
}

function reopened(descriptor: number): UnblockedStream {
  // Opened anew, since whether it waits is said of all who share what was opened.
  const own = openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
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
