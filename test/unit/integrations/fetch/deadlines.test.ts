import { setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { Deadlines, type Limited } from "../../../../src/integrations/fetch/deadlines.ts";
import { Place } from "../../../../src/integrations/fetch/line.ts";
import { manualClock } from "../../../../src/testing/index.ts";

function stage() {
  const clock = manualClock();
  const deadlines = new Deadlines(clock);
  onTestFinished(() => deadlines.close());
  const late: string[] = [];
  class Task implements Limited {
    due = 0;
    readonly turn: Place<Limited> = new Place<Limited>(this);
    readonly #name: string;

    constructor(name: string) {
      this.#name = name;
    }

    late(): void {
      late.push(this.#name);
    }
  }
  const advance = async (milliseconds: number): Promise<void> => {
    await clock.advance(milliseconds);
    // There is one more turn in which an answer may come.
    await turn();
    await turn();
  };
  return { deadlines, late, advance, task: (name: string) => new Task(name) };
}

test("whoever is not in time is told so when the time is over, and nobody else", async () => {
  const { advance, deadlines, late, task } = stage();
  const [first, second, third, short] = ["first", "second", "third", "short"].map(task);
  if (!first || !second || !third || !short) throw new Error("unreachable");
  deadlines.begin(first, 100);
  deadlines.begin(short, 30);
  await advance(20);
  deadlines.begin(second, 100);
  deadlines.begin(third, 100);
  deadlines.end(second);
  await advance(20);
  expect(late).toEqual(["short"]);
  await advance(60);
  expect(late).toEqual(["short", "first"]);
  await advance(19);
  expect(late).toEqual(["short", "first"]);
  await advance(1);
  expect(late).toEqual(["short", "first", "third"]);
});

test("whoever begins again has the whole time again", async () => {
  const { advance, deadlines, late, task } = stage();
  const [again, once] = [task("again"), task("once")];
  deadlines.begin(again, 100);
  deadlines.begin(once, 100);
  await advance(50);
  deadlines.begin(again, 100);
  await advance(50);
  expect(late).toEqual(["once"]);
  await advance(50);
  expect(late).toEqual(["once", "again"]);
  // And after nobody was under way for a while.
  await advance(1_000);
  deadlines.begin(once, 100);
  await advance(100);
  expect(late).toEqual(["once", "again", "once"]);
});

test("nobody is late after the end", async () => {
  const { advance, deadlines, late, task } = stage();
  const given = task("given");
  deadlines.begin(given, 100);
  deadlines.close();
  await advance(1_000);
  deadlines.end(given);
  expect(late).toEqual([]);
});
