/** Stops a timer; does nothing when it has fired or was stopped. */
export type CancelTimer = () => void;

/**
 * Where time comes from. It only ever goes forward, whatever happens to the wall clock, and its
 * timers never keep the process alive.
 */
export interface Clock {
  /** Milliseconds since some fixed moment. */
  now(): number;

  /** Calls back once after `delayMs`, unless it is stopped first. */
  setTimeout(callback: () => void, delayMs: number): CancelTimer;
}

/** The real, monotonic time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
