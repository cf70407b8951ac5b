import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { abortable, underEither } from "../../../src/async/abort.ts";

const never = (signal: AbortSignal) => abortable(new Promise(() => {}), signal);

it.each([0, 1])("aborts with the reason of whichever signal aborts (%i)", async (index) => {
  const controllers = [new AbortController(), new AbortController()];
  const signals = controllers.map(({ signal }) => signal);
  const work = underEither([undefined, ...signals], never);
  controllers[index]?.abort("this one");
  controllers[1 - index]?.abort("too late");
  await expect(work).rejects.toBe("this one");
});

it("is aborted from the beginning by a signal that was", async () => {
  await expect(underEither([AbortSignal.abort("long ago")], never)).rejects.toBe("long ago");
});

it("gives what comes of the work, and leaves nothing on the signals", async () => {
  const { signal } = new AbortController();
  expect(await underEither([signal, undefined], async () => 5)).toBe(5);
  const failing = underEither([signal], () => Promise.reject(new Error("no")));
  await expect(failing).rejects.toThrow("no");
  expect(getEventListeners(signal, "abort")).toEqual([]);
});
