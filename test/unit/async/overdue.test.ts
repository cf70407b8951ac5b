import { beforeEach, describe, expect, it } from "vitest";
import type { Clock } from "../../../src/async/clock.ts";
import { overdue } from "../../../src/async/overdue.ts";
import { type ManualClock, manualClock } from "../../../src/testing/manual-clock.ts";

let manual: ManualClock;

/** Time that has passed without any timer being called. */
let stoodStillMs: number;
let clock: Clock;
let late: number[];
const callback = (): void => void late.push(clock.now());

beforeEach(() => {
  manual = manualClock();
  stoodStillMs = 0;
  late = [];
  clock = {
    now: () => manual.now() + stoodStillMs,
    setTimeout: (call, delayMs) => manual.setTimeout(call, delayMs),
  };
});

it("calls back when the time is up", async () => {
  overdue(clock, callback, 300);
  await manual.advance(299);
  expect(late).toEqual([]);
  await manual.advance(1);
  expect(late).toEqual([300]);
  await manual.advance(10_000);
  expect([late, manual.timers]).toEqual([[300], 0]);
});

it("gives one more turn to what has arrived, and is not read yet", async () => {
  const cancel = overdue(clock, callback, 300);
  const advanced = manual.advance(300);
  setImmediate(() => setImmediate(cancel));
  await advanced;
  await manual.advance(10_000);
  expect(late).toEqual([]);
});

describe("when the process stood still until the time was up", () => {
  it("gives as much time again, once", async () => {
    overdue(clock, callback, 300);
    stoodStillMs = 250;
    await manual.advance(300);
    expect(late).toEqual([]);
    stoodStillMs += 250;
    await manual.advance(300);
    expect(late).toEqual([1_100]);
    expect(manual.timers).toBe(0);
  });

  it("gives a second at most", async () => {
    overdue(clock, callback, 5_000);
    stoodStillMs = 60;
    await manual.advance(5_999);
    expect(late).toEqual([]);
    await manual.advance(1);
    expect(late).toEqual([6_060]);
  });

  it("takes a timer that is a little late for nothing of the kind", async () => {
    overdue(clock, callback, 300);
    stoodStillMs = 40;
    await manual.advance(300);
    expect(late).toEqual([340]);
  });

  it("can still be cancelled", async () => {
    const cancel = overdue(clock, callback, 300);
    stoodStillMs = 250;
    await manual.advance(300);
    cancel();
    expect(manual.timers).toBe(0);
    await manual.advance(10_000);
    expect(late).toEqual([]);
  });

  it("gives nothing where time is up all the same", async () => {
    overdue(clock, callback, 300, false);
    stoodStillMs = 4_000;
    await manual.advance(300);
    expect(late).toEqual([4_300]);
  });
});
