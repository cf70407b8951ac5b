import { onAbort } from "../async/abort.ts";
import type { Store, WatchBatch, WatchEnd, WatchTarget } from "../store/store.ts";

/** How long something is waited for, and what ends the wait, which then rejects with the signal's reason. */
export interface WaitLimits {
  readonly withinMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What came of a wait. */
export type Watched =
  | { readonly kind: "changed"; readonly batch: WatchBatch }
  | { readonly kind: "ended"; readonly reason: WatchEnd; readonly error: Error }
  /** Nothing in that time. `inTouch`: and the store would have told. */
  | { readonly kind: "quiet"; readonly inTouch: boolean };

/** Waits for the next thing that happens to records of a service. */
export function watchOnce(
  store: Store,
  target: WatchTarget,
  { signal, withinMs }: WaitLimits,
): Promise<Watched> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    let inTouch = false;
    const watch = store.watch(target, {
      established: () => {
        inTouch = true;
      },
      interrupted: () => {
        inTouch = false;
      },
      changed: (batch) => settle({ kind: "changed", batch }),
      ended: (reason, error) => settle({ kind: "ended", reason, error }),
    });
    const stop = (): void => {
      watch.close();
      cancel();
      forget?.();
    };
    const settle = (watched: Watched): void => {
      stop();
      resolve(watched);
    };
    const cancel = store.clock.setTimeout(() => settle({ kind: "quiet", inTouch }), withinMs);
    const forget =
      signal &&
      onAbort(signal, () => {
        stop();
        reject(signal.reason);
      });
  });
}
