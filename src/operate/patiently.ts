import { delay } from "../async/abort.ts";
import { isDiscoveryError } from "../errors.ts";
import type { Clock } from "../async/clock.ts";

const pauseMs = 250;

/** Does something again while the store cannot be reached, until a moment by the clock; then it rejects as the last try did. */
export async function patiently<T>(
  clock: Clock,
  { deadline, signal }: { readonly deadline: number; readonly signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const mayWork = isDiscoveryError(error) && error.retryable;
      if (!mayWork || clock.now() + pauseMs >= deadline) throw error;
    }
    await delay(clock, pauseMs, signal);
  }
}
