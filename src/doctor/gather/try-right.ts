import type { Right } from "../facts.ts";
import { ask, type Limits } from "../told.ts";

/** Finds out about one right by using it, and how long that took. `attempt` says whether it was granted. */
export async function tryRight(
  kind: Right["kind"],
  key: string,
  limits: Limits,
  attempt: (within: Limits) => Promise<boolean>,
): Promise<Right> {
  const answer = await ask(limits, async (within) => {
    const startedAt = performance.now();
    const granted = await attempt(within);
    return { granted, tookMs: performance.now() - startedAt };
  });
  return { kind, key, answer };
}
