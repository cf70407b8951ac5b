import { onAbort } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";

/**
 * Does `best`, but after `afterMs` without it begins `second` as well; whichever comes first will do,
 * and aborts the other. How `best` fails is how this fails; that of `second` is waited out.
 */
export function secondBest<T>(
  clock: Clock,
  best: (signal: AbortSignal) => Promise<T>,
  afterMs: number,
  second: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = new AbortController();
    const forget = signal && onAbort(signal, () => end.abort(signal.reason));
    const settled = (): void => {
      cancel();
      forget?.();
    };
    const answered = (value: T): void => {
      settled();
      resolve(value);
      end.abort(superseded);
    };
    const cancel = overdue(clock, () => void second(end.signal).then(answered, () => {}), afterMs);
    best(end.signal).then(answered, (error) => {
      settled();
      reject(error);
      end.abort(superseded);
    });
  });
}

/** Nobody sees it. Without one, each abort would make an exception with a stack of its own. */
const superseded = new Error("another answer has come");
