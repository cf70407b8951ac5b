import { getEventListeners, getMaxListeners, setMaxListeners } from "node:events";
import { expect, it } from "vitest";

import { delay, onAbort } from "../../../src/async/abort.ts";
import { manualClock } from "../../../src/testing/manual-clock.ts";

it("waits on one signal many times, without a warning", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  const controller = new AbortController();
  const calls: number[] = [];
  const undo = Array.from({ length: 30 }, (_, index) =>
    onAbort(controller.signal, () => calls.push(index)),
  );
  // Node.js 20 throws for a limit of 0, and making an error takes longer than all else. Later
  // versions have no limit for signals to begin with, and say so by 0.
  const { signal: fresh } = new AbortController();
  expect(getMaxListeners(controller.signal)).toBe(getMaxListeners(fresh) === 0 ? 0 : Infinity);
  undo[0]?.();
  controller.abort();
  await new Promise((resolve) => void setImmediate(resolve));
  process.off("warning", onWarning);
  expect([calls.length, warnings]).toEqual([29, []]);
});

it.each([0, 3, 50])(
  "leaves a limit of %d that the signal's owner has set as it is",
  async (limit) => {
    const { signal } = new AbortController();
    setMaxListeners(limit, signal);
    const clock = manualClock();
    const waiting = delay(clock, 10, signal);
    await clock.advance(10);
    await waiting;
    expect(getEventListeners(signal, "abort")).toEqual([]);
    if (limit > 0) expect(getMaxListeners(signal)).toBe(limit);
  },
);
