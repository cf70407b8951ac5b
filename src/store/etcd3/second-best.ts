import { onAbort } from "../../async/abort.ts";
import type { CancelTimer, Clock } from "../../async/clock.ts";

/**
 * Waits for `best`, but after `afterMs` without it begins `second` as well; whichever comes first
 * will do. How `best` fails is how this fails; that of `second` is waited out.
 *
 * @param second its signal aborts when it is of no use any more
 */
export function secondBest<T>(
  clock: Clock,
  best: Promise<T>,
  afterMs: number,
  second: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let forget: (() => void) | undefined;
    let abort: AbortController | undefined;
    const cancel: CancelTimer = clock.setTimeout(() => {
      const { signal: own } = (abort = new AbortController());
      forget = signal && onAbort(signal, () => abort?.abort(signal.reason));
      second(own).then(resolve, () => {});
    }, afterMs);
    const settled = (): void => {
      cancel();
      forget?.();
      abort?.abort();
    };
    best.then(
      (value) => {
        settled();
        resolve(value);
      },
      (error) => {
        settled();
        reject(error);
      },
    );
  });
}
