import { expect, it } from "vitest";
import { systemClock } from "../../../src/async/clock.ts";

const block = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

const fired = (delayMs: number): Promise<void> =>
  new Promise((resolve) => void systemClock.setTimeout(resolve, delayMs));

/** Keeps the process alive, which the clock's timers do not. */
async function during(work: () => Promise<unknown>): Promise<void> {
  const alive = setInterval(() => {}, 1_000);
  await work();
  clearInterval(alive);
}

it("counts a stall once, however many timers come late because of it", async () => {
  await during(async () => {
    const before = systemClock.stalls;
    const timers = [fired(0), fired(10), fired(50)];
    block(1_100);
    await Promise.all(timers);
    expect(systemClock.stalls).toBe(before + 1);
    const again = fired(0);
    block(1_100);
    await again;
    expect(systemClock.stalls).toBe(before + 2);
  });
});

it("counts a stall that begins while the timers of another one are still coming", async () => {
  await during(async () => {
    const before = systemClock.stalls;
    const first = fired(0);
    const between = fired(500);
    block(1_100);
    await first;
    expect(systemClock.stalls).toBe(before + 1);
    const second = fired(0);
    block(1_100);
    await Promise.all([between, second]);
    expect(systemClock.stalls).toBe(before + 2);
  });
});

it("counts none for a timer whose time was over when it was set, or that comes a little late", async () => {
  await during(async () => {
    const before = systemClock.stalls;
    await fired(-5_000);
    const timer = fired(0);
    block(300);
    await timer;
    expect(systemClock.stalls).toBe(before);
  });
});
