import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentProgram, buildAgent } from "./agent-process.ts";
import { historyOf, play } from "./play.ts";

let program: AgentProgram;
beforeAll(async () => {
  program = await buildAgent();
});
afterAll(() => program[Symbol.asyncDispose]());

const seeds = (process.env["TRUTH_SEED"] ?? "1,2,3").split(",").map(Number);

test.concurrent.for(seeds)("history %i", { timeout: 120_000 }, async (seed) => {
  const { faults, told, settledMs } = await play(program, historyOf(seed));
  console.log(
    `${seed}: settled after ${Math.round(settledMs)} ms, ${told.length} lines, ${faults.length}`,
  );
  if (faults.length > 0) console.log(told.join("\n"));
  expect(faults).toEqual([]);
});
