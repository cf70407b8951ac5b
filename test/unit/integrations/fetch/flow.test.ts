import type { Dispatcher } from "undici";
import { expect, test } from "vitest";
import { Flow, type Steered } from "../../../../src/integrations/fetch/flow.ts";
import { heapBytes } from "../../../support/heap.ts";

/** What undici steers an attempt with, and what was done with it. */
function attempt() {
  const done: string[] = [];
  const controller: Dispatcher.DispatchController = {
    aborted: false,
    paused: false,
    reason: null,
    rawHeaders: ["a", "1"],
    rawTrailers: ["b", "2"],
    abort: () => void done.push("abort"),
    pause: () => void done.push("pause"),
    resume: () => void done.push("resume"),
  };
  return { controller, done };
}

/** A flow, and what it leads to, held by nobody else. */
function led() {
  const steered: Steered = { aborted: () => {} };
  const { controller } = attempt();
  const flow = new Flow(steered);
  flow.lead(controller);
  const ends = [new WeakRef(steered), new WeakRef(controller)];
  return { flow, freed: () => ends.map((end) => end.deref() === undefined) };
}

test("what a request was steered with leads to nothing of it once it has ended", async () => {
  const { flow, freed } = led();
  await heapBytes();
  expect(freed()).toEqual([false, false]);
  flow.end();
  flow.forget(false);
  await heapBytes();
  expect(freed()).toEqual([true, true]);
  // It is there all the same.
  expect(flow.aborted).toBe(false);
});

test("nothing can be done about a request that has ended, but to ask for its headers", () => {
  const reasons: Error[] = [];
  const flow = new Flow({ aborted: (reason) => void reasons.push(reason) });
  const { controller, done } = attempt();
  flow.lead(controller);
  flow.pause();
  flow.resume();
  flow.end();
  flow.forget(true);
  flow.pause();
  flow.resume();
  flow.abort(new Error("too late"));
  expect(done).toEqual(["pause", "resume"]);
  expect(reasons).toEqual([]);
  expect(flow.rawHeaders).toEqual(["a", "1"]);
  expect(flow.rawTrailers).toEqual(["b", "2"]);
});
