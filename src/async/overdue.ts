import type { CancelTimer, Clock } from "./clock.ts";

/**
 * Calls back when something did not come in time. After the event loop was held up, timers run
 * before what has arrived meanwhile is read; so it gets one more turn in which it may be cancelled.
 */
export function overdue(clock: Clock, callback: () => void, delayMs: number): CancelTimer {
  let immediate: NodeJS.Immediate | undefined;
  const cancel = clock.setTimeout(() => {
    immediate = setImmediate(callback);
  }, delayMs);
  return () => {
    cancel();
    clearImmediate(immediate);
  };
}
