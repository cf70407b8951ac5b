import { expect, it } from "vitest";
import { Turnstile } from "../../../src/async/turnstile.ts";
import { manualClock } from "../../../src/testing/manual-clock.ts";

/** Work that ends when it is told to. */
class Work {
  begun = false;
  end: () => void = () => {};

  readonly run = (): Promise<void> => {
    this.begun = true;
    return new Promise((resolve) => (this.end = resolve));
  };
}

const { signal } = new AbortController();
const settled = () => new Promise<void>((resolve) => void setImmediate(resolve));

it("lets so many in at once, and the others in their order as places become free", async () => {
  const turnstile = new Turnstile(2);
  const works = Array.from({ length: 4 }, () => new Work());
  const passed = works.map((work) => turnstile.pass(signal, work.run));
  const begun = () => works.map((work) => work.begun);
  await settled();
  expect(begun()).toEqual([true, true, false, false]);
  works[1]?.end();
  await passed[1];
  await settled();
  expect(begun()).toEqual([true, true, true, false]);
  works[0]?.end();
  await settled();
  expect(begun()).toEqual([true, true, true, true]);
});

it("gives what comes of the work, and the place back when it fails", async () => {
  const turnstile = new Turnstile(1);
  const failed = turnstile.pass(signal, () => Promise.reject(new Error("no")));
  const done = turnstile.pass(signal, async () => 5);
  await expect(failed).rejects.toThrow("no");
  expect(await done).toBe(5);
  expect(await turnstile.pass(signal, async () => 6)).toBe(6);
});

it("lets whoever gives up out of the line", async () => {
  const turnstile = new Turnstile(1);
  const [first, second, third] = [new Work(), new Work(), new Work()];
  void turnstile.pass(signal, first.run);
  const leaving = new AbortController();
  const left = turnstile.pass(leaving.signal, second.run);
  void turnstile.pass(signal, third.run);
  leaving.abort(new Error("gave up"));
  await expect(left).rejects.toThrow("gave up");
  first.end();
  await settled();
  expect([second.begun, third.begun]).toEqual([false, true]);
});

it("keeps out whoever has given up before", async () => {
  const turnstile = new Turnstile(1);
  const first = new Work();
  void turnstile.pass(signal, first.run);
  const late = new Work();
  const aborted = AbortSignal.abort(new Error("too late"));
  await expect(turnstile.pass(aborted, late.run)).rejects.toThrow("too late");
  first.end();
  await settled();
  expect(late.begun).toBe(false);
});

it("lets out of the line whom it takes too long, and leaves no timer behind", async () => {
  const turnstile = new Turnstile(1);
  const clock = manualClock();
  const patience = (timeoutMs: number) => ({ clock, timeoutMs, late: () => new Error("late") });
  const [first, second, third] = [new Work(), new Work(), new Work()];
  // Who is inside may stay.
  const stays = turnstile.pass(undefined, first.run, patience(10));
  const leaves = turnstile.pass(undefined, second.run, patience(20));
  const enters = turnstile.pass(signal, third.run, patience(30));
  const left = leaves.catch(String);
  await clock.advance(20);
  expect(await left).toBe("Error: late");
  first.end();
  await stays;
  await settled();
  expect([second.begun, third.begun, clock.timers]).toEqual([false, true, 0]);
  await clock.advance(30);
  third.end();
  await enters;
});
