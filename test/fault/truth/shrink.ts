import type { History } from "./play.ts";

/** Leaves out as many steps of a failing history as it can, with so many tries, and it still fails. */
export async function shrink(
  history: History,
  tries: number,
  fails: (fewer: History) => Promise<boolean>,
): Promise<void> {
  let left = tries;
  let { steps } = history;
  for (let size = Math.ceil(steps.length / 2); left > 0; size = Math.ceil(size / 2)) {
    for (let at = 0; at < steps.length && left > 0; left -= 1) {
      const fewer = steps.filter((_, index) => index < at || index >= at + size);
      if (await fails({ ...history, steps: fewer })) steps = fewer;
      else at += size;
    }
    if (size === 1) return;
  }
}
