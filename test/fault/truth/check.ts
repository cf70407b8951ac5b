import { afterAll, beforeAll, test } from "vitest";
import { type AgentProgram, buildAgent } from "./agent-process.ts";
import { type History, historyOf, type Outcome, play } from "./play.ts";
import { shrink } from "./shrink.ts";

/** How many histories a failing one may be cut down by; 0, the default: it is shown as it is. */
const shrinks = Number(process.env["TRUTH_SHRINK"] ?? 0);

/** Makes a test of the history of each seed. */
export function checkTruth(seeds: readonly number[]): void {
  let program: AgentProgram | undefined;
  const outcomes: Outcome[] = [];
  beforeAll(async () => {
    program = await buildAgent();
  });
  afterAll(async () => {
    await program?.[Symbol.asyncDispose]();
    report(outcomes);
  });
  test.concurrent.for([...seeds])("history %i", { timeout: 600_000 }, async (seed) => {
    const built = program;
    if (built === undefined) throw new Error("there is no program");
    const outcome = await play(built, historyOf(seed));
    outcomes.push(outcome);
    process.stdout.write(`${seed}: ${inShort(outcome)}\n`);
    if (outcome.faults.length === 0) return;
    let last = outcome;
    await shrink(historyOf(seed), shrinks, async (fewer: History) => {
      const tried = await play(built, fewer);
      if (tried.faults.length > 0) last = tried;
      return tried.faults.length > 0;
    });
    throw new Error(
      `${last.faults.join("\n")}\n\nSeen with TRUTH_SEED=${seed} npm run test:truth:\n${last.told.join("\n")}\n`,
    );
  });
}

function inShort({ faults, settledMs }: Outcome): string {
  return faults[0] ?? `all was settled after ${Math.round(settledMs)} ms`;
}

function report(outcomes: readonly Outcome[]): void {
  const well = outcomes.filter(({ faults }) => faults.length === 0);
  const times = well.map(({ settledMs }) => Math.round(settledMs)).sort((a, b) => a - b);
  const middle = times[Math.floor(times.length / 2)] ?? 0;
  process.stdout.write(
    `${outcomes.length} histories, ${well.length} as they must be; all was settled ` +
      `${middle} ms after the last fault in the middle, ${times.at(-1) ?? 0} ms at most\n`,
  );
}
