const everyMs = 20;

/**
 * Measures from now on how long this process could not run when it wanted to, because the machine
 * was busy with others, or it with other tests: what is measured meanwhile took as much longer.
 *
 * @returns ends it and returns the milliseconds
 */
export function lostTime(): () => number {
  let lostMs = 0;
  let last = performance.now();
  const tick = (): void => {
    const now = performance.now();
    lostMs += Math.max(0, now - last - 1.5 * everyMs);
    last = now;
  };
  const timer = setInterval(tick, everyMs);
  return () => {
    clearInterval(timer);
    tick();
    return lostMs;
  };
}
