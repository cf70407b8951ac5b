import type { CancelTimer, Clock } from "./clock.ts";

/** A timer that comes this late has found the event loop held up. */
const lateMs = 50;

/** After that, what is waited for gets this much longer, though no longer than it had in the first place. */
const longestRespiteMs = 1_000;

/**
 * Calls back when something did not come in time. The time in which this process stood still does
 * not count: timers run before what has arrived meanwhile is read, and the question may not even
 * have been sent. So there is always one more turn in which it may be cancelled; and when the timer
 * itself came late, once, some more time.
 *
 * @param respite false where time is up all the same, however little this process had of it
 */
export function overdue(
  clock: Clock,
  callback: () => void,
  delayMs: number,
  respite = true,
): CancelTimer {
  const due = clock.now() + Math.max(0, delayMs);
  let immediate: NodeJS.Immediate | undefined;
  const last = (): void => {
    immediate = setImmediate(callback);
  };
  let cancel = clock.setTimeout(() => {
    const heldUp = respite && clock.now() - due >= lateMs;
    if (heldUp) cancel = clock.setTimeout(last, Math.min(delayMs, longestRespiteMs));
    else last();
  }, delayMs);
  return () => {
    cancel();
    clearImmediate(immediate);
  };
}
