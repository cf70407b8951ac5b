import { onAbort } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";

/**
 * Waits for `best`, but after `afterMs` without it begins `second` as well; whichever comes first
 * will do. How `best` fails is how this fails; that of `second` is waited out.
 *
 * Every lookup comes through here, and hardly one needs a second answer: what costs anything is made
 * when it does. So `best` is not told that it is of no use any more, and goes on until its time is up.
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
    let end = (): void => {};
    const begin = (): void => {
      const own = new AbortController();
      const forget = signal && onAbort(signal, () => own.abort(signal.reason));
      end = () => {
        forget?.();
        own.abort(superseded);
      };
      second(own.signal).then(resolve, () => {});
    };
    const cancel = clock.setTimeout(begin, afterMs);
    best.then(
      (value) => {
        cancel();
        end();
        resolve(value);
      },
      (error) => {
        cancel();
        end();
        reject(error);
      },
    );
  });
}

/** Nobody sees it. Without one, each abort would make an exception with a stack of its own. */
const superseded = new Error("another answer has come");
