import { afterEach, beforeEach, expect, it } from "vitest";
import { delay } from "../../../src/async/abort.ts";
import { Rounds } from "../../../src/async/rounds.ts";
import { type ManualClock, manualClock } from "../../../src/testing/manual-clock.ts";

let clock: ManualClock;
let random: number;
let rounds: Rounds | undefined;
let failures: unknown[];
let times: number[];

beforeEach(() => {
  clock = manualClock();
  random = 0.5;
  times = [];
  failures = [];
  begin(async () => void times.push(clock.now()));
});

afterEach(() => {
  rounds?.end();
  expect(clock.timers).toBe(0);
  expect(failures).toEqual([]);
});

function begin(round: (signal: AbortSignal) => Promise<void>): void {
  rounds?.end();
  rounds = new Rounds({
    ...{ clock, everyMs: 100_000, random: () => random, round },
    failed: (error) => failures.push(error),
  });
  rounds.start();
}

async function lose(forMs: number): Promise<void> {
  rounds?.lost();
  await clock.advance(forMs);
  rounds?.found();
}

it("come at even times, give or take a fifth", async () => {
  await clock.advance(200_000);
  expect(times).toEqual([100_000, 200_000]);
  random = 0;
  await clock.advance(200_000);
  // The one that was under way, and two that are shorter.
  expect(times.slice(2)).toEqual([300_000, 380_000]);
});

it("come soon after contact was lost for long, and then as ever", async () => {
  await lose(3_000);
  rounds?.found();
  await clock.advance(200_000);
  expect(times).toEqual([20_500, 120_500]);
});

it.each([
  [0, 5_000],
  [1, 30_000],
])("are spread, so that those of many do not come at once: %d", async (chance, afterMs) => {
  random = chance;
  await lose(3_000);
  await clock.advance(40_000);
  expect(times).toEqual([3_000 + afterMs]);
});

it("are not put off by a later loss, nor by others that follow the same store", async () => {
  await lose(3_000);
  await clock.advance(2_000);
  rounds?.lost();
  await clock.advance(1_000);
  rounds?.lost();
  await clock.advance(2_500);
  rounds?.found();
  rounds?.found();
  await clock.advance(50_000);
  expect(times).toEqual([20_500]);
});

it("are not changed by a short loss", async () => {
  await lose(2_999);
  await clock.advance(150_000);
  expect(times).toEqual([100_000]);
});

it("come when they are due, if that is sooner", async () => {
  await clock.advance(90_000);
  await lose(3_000);
  await clock.advance(50_000);
  expect(times).toEqual([100_000]);
});

it("remember what happened while one was under way", async () => {
  begin(async (signal) => {
    times.push(clock.now());
    await delay(clock, 6_000, signal);
  });
  await clock.advance(100_000);
  rounds?.lost();
  await clock.advance(5_000);
  rounds?.found();
  await clock.advance(50_000);
  expect(times).toEqual([100_000, 122_500]);
});

it("end with the one that is under way, and with one that fails", async () => {
  begin((signal) => delay(clock, 6_000, signal));
  await clock.advance(100_000);
  rounds?.end();
  await clock.advance(0);
  expect(clock.timers).toBe(0);
  await clock.advance(200_000);
  expect(failures).toEqual([]);
  const error = new Error("no");
  begin(() => Promise.reject(error));
  await clock.advance(500_000);
  expect(failures.splice(0)).toEqual([error]);
});
