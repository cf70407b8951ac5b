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

/** A timer that comes this late has found the process standing still: a blocked event loop, a SIGSTOP. */
const stallMs = 1_000;

let stalls = 0;
let stalledUntil = -Infinity;

/** The real, monotonic time. */
export const systemClock: Clock & {
  /** How often this process was found to have stood still for a second or longer. */
  readonly stalls: number;
} = {
  get stalls() {
    return stalls;
  },
  now: () => performance.now(),
  setTimeout(callback, delayMs) {
    // Node.js warns of a negative delay from 24 on, and what is due may be overdue by now.
    const leftMs = Math.max(0, delayMs);
    const due = performance.now() + leftMs;
    const timer = setTimeout(() => {
      noticeStall(due);
      callback();
    }, leftMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Many timers may come late because of one and the same stall, and one timer because of two. */
function noticeStall(due: number): void {
  const now = performance.now();
  if (now - Math.max(due, stalledUntil) < stallMs) return;
  stalls += 1;
  stalledUntil = now;
}
