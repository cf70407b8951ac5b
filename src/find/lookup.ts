import { optionalMilliseconds, optionalSignal } from "../arguments.ts";
import type { ReadOptions } from "../store/store.ts";
import type { FindContext } from "./find-context.ts";
import type { Mirror } from "./mirror.ts";

/** After so long without an answer that all of etcd agrees upon, that of one member is better than none. */
const settleAfterMs = 1_000;

/** What every lookup takes. */
export interface LookupOptions {
  /** Gives the lookup up; it then rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;

  /** How long a lookup may take before it rejects with `TIMEOUT`, in milliseconds. Default: that of the `Discovery`. */
  readonly timeoutMs?: number | undefined;
}

/** The part of a `Discovery` that lookups need. */
export interface LookupContext extends Pick<
  FindContext,
  "store" | "timeoutMs" | "random" | "hold" | "onMalformed"
> {
  /** What is known already of a service, if it is followed. */
  readonly known?: ((service: string) => Mirror | undefined) | undefined;
}

/** Checks the options of a lookup, and fills in the default. Throws `INVALID_ARGUMENT`. */
export function lookupCall(options: LookupOptions, context: LookupContext): ReadOptions {
  const timeoutMs = optionalMilliseconds("timeoutMs", options.timeoutMs, 1) ?? context.timeoutMs;
  return {
    signal: optionalSignal(options.signal),
    timeoutMs,
    // Who has less time than that wants an answer, not a second best one.
    settleAfterMs: timeoutMs < 2 * settleAfterMs ? undefined : settleAfterMs,
  };
}

/** Carries out one reading of the store. It keeps the process alive as long as it takes. */
export async function lookup<T>(
  context: LookupContext,
  call: ReadOptions,
  read: () => Promise<T>,
): Promise<T> {
  call.signal?.throwIfAborted();
  const release = context.hold();
  try {
    return await read();
  } finally {
    release();
  }
}
