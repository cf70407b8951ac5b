import { expect, it } from "vitest";

import { DiscoveryError } from "../../../src/errors.ts";
import { manualClock } from "../../../src/testing/manual-clock.ts";

it("stands still until it is advanced", async () => {
  const clock = manualClock();
  const log: number[] = [];
  clock.setTimeout(() => log.push(clock.now()), 10);
  await new Promise((resolve) => void setTimeout(resolve, 20));
  expect([clock.now(), log]).toEqual([0, []]);
  await clock.advance(9);
  expect([clock.now(), log]).toEqual([9, []]);
  await clock.advance(1);
  expect([clock.now(), log]).toEqual([10, [10]]);
});

it("calls timers in the order of their times, those of one time in the order they were set", async () => {
  const clock = manualClock();
  const log: string[] = [];
  for (const [name, delayMs] of Object.entries({ c: 20, a: 10, d: 20, b: 10, now: 0, past: -5 })) {
    clock.setTimeout(() => log.push(`${name} ${clock.now()}`), delayMs);
  }
  await clock.advance(100);
  expect(log).toEqual(["now 0", "past 0", "a 10", "b 10", "c 20", "d 20"]);
});

it("calls timers that are set on the way, also by promises, each at its own time", async () => {
  const clock = manualClock();
  const log: number[] = [];
  const repeat = async (): Promise<void> => {
    log.push(clock.now());
    await new Promise<void>((resolve) => void setImmediate(resolve));
    await Promise.resolve();
    clock.setTimeout(() => void repeat(), 10);
  };
  void repeat();
  await clock.advance(35);
  expect(log).toEqual([0, 10, 20, 30]);
});

it("lets what a timer set off be done before the next and before it resolves", async () => {
  const clock = manualClock();
  const log: string[] = [];
  const chain = async (name: string): Promise<void> => {
    for (let step = 0; step < 50; step += 1) await Promise.resolve();
    log.push(`${name} done`);
  };
  for (const name of ["a", "b"]) {
    clock.setTimeout(() => {
      log.push(name);
      void chain(name);
    }, 10);
  }
  await clock.advance(10);
  expect(log).toEqual(["a", "a done", "b", "b done"]);
});

it("does not call a timer that was stopped, and counts those that wait", async () => {
  const clock = manualClock();
  const log: string[] = [];
  const stop = clock.setTimeout(() => log.push("stopped"), 10);
  clock.setTimeout(() => log.push("kept"), 10);
  expect(clock.timers).toBe(2);
  stop();
  stop();
  expect(clock.timers).toBe(1);
  await clock.advance(10);
  expect([log, clock.timers]).toEqual([["kept"], 0]);
});

it("does one advance after the other", async () => {
  const clock = manualClock();
  const log: string[] = [];
  clock.setTimeout(() => log.push("timer"), 15);
  const first = clock.advance(10).then(() => log.push(`first ${clock.now()}`));
  const second = clock.advance(10).then(() => log.push(`second ${clock.now()}`));
  await Promise.all([first, second]);
  expect(log).toEqual(["first 10", "timer", "second 20"]);
});

it("rejects with what a timer threw, and can go on", async () => {
  const clock = manualClock();
  const error = new Error("thrown");
  clock.setTimeout(() => {
    throw error;
  }, 10);
  await expect(clock.advance(20)).rejects.toBe(error);
  expect(clock.now()).toBe(10);
  await clock.advance(10);
  expect(clock.now()).toBe(20);
});

it.each([-1, Number.NaN, Infinity])("refuses to advance by %d", (ms) => {
  const clock = manualClock();
  expect(() => clock.advance(ms)).toThrow(DiscoveryError);
});
