import { once } from "node:events";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/async/clock.ts";

test("a timer that is overdue comes at once, and Node.js has nothing to warn of", async () => {
  const warned: Error[] = [];
  const listener = (warning: Error): void => void warned.push(warning);
  process.on("warning", listener);
  const ended = new EventTarget();
  const came = once(ended, "came");
  systemClock.setTimeout(() => ended.dispatchEvent(new Event("came")), -0.2);
  await came;
  // Warnings are told a turn later.
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", listener);
  expect(warned).toEqual([]);
});
