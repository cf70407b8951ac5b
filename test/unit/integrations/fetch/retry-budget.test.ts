import { expect, test } from "vitest";
import { RetryBudget } from "../../../../src/integrations/fetch/retry-budget.ts";
import { manualClock } from "../../../../src/testing/index.ts";

/** How many retries there are until there is none. */
function taken(budget: RetryBudget): number {
  let count = 0;
  while (budget.take()) count += 1;
  return count;
}

test("there are ten retries a second, and one for each five requests of the last ten seconds", async () => {
  const clock = manualClock();
  const budget = new RetryBudget(clock);
  expect(taken(budget)).toBe(100);
  await clock.advance(9_000);
  for (let count = 0; count < 50; count += 1) budget.request();
  expect(taken(budget)).toBe(10);
  // Those of the first second are forgotten.
  await clock.advance(1_000);
  expect(taken(budget)).toBe(100);
  await clock.advance(9_000);
  expect(taken(budget)).toBe(0);
  await clock.advance(100_000);
  expect(taken(budget)).toBe(100);
});
