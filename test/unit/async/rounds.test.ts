import { afterEach, beforeEach, expect, it } from "vitest";
import { Rounds } from "../../../src/async/rounds.ts";
import { type ManualClock, manualClock } from "../../../src/testing/manual-clock.ts";

let clock: ManualClock;
let random: number;
let rounds: Rounds;
let ending: AbortController;
let times: number[];

beforeEach(() => {
  clock = manualClock();
  random = 0.5;
  rounds = new Rounds(clock, 100_000, () => random);
  ending = new AbortController();
  times = [];
  void (async () => {
    for (;;) {
      await rounds.next(ending.signal);
      times.push(clock.now());
    }
  })().catch(() => {});
});

afterEach(async () => {
  ending.abort();
  await clock.advance(0);
  expect(clock.timers).toBe(0);
});

async function lose(forMs: number): Promise<void> {
  rounds.lost();
  await clock.advance(forMs);
  rounds.found();
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
  rounds.found();
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
  rounds.lost();
  await clock.advance(1_000);
  rounds.lost();
  await clock.advance(2_500);
  rounds.found();
  rounds.found();
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
  const clock = manualClock();
  const rounds = new Rounds(clock, 100_000, () => 0.5);
  void rounds.next(ending.signal);
  await clock.advance(100_000);
  rounds.lost();
  await clock.advance(5_000);
  rounds.found();
  let at = 0;
  void rounds.next(ending.signal).then(() => (at = clock.now()));
  await clock.advance(50_000);
  expect(at).toBe(122_500);
});
