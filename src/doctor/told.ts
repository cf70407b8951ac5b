import { setMaxListeners } from "node:events";
import { abortable, onAbort } from "../async/abort.ts";
import { reasonOf } from "../store/etcd/reason.ts";

/** What a question has come to. */
export type Told<T> =
  | { readonly told: true; readonly value: T }
  | {
      readonly told: false;

      /** Why there is no answer, in words. */
      readonly why: string;

      /** What the question failed with. */
      readonly error: unknown;
    };

/** What a question may cost. */
export interface Limits {
  /** How long each may take, in milliseconds. */
  readonly timeoutMs: number;

  /** Ends all of them. Its reason is an `Error`. */
  readonly signal: AbortSignal;
}

/** Asks, and never rejects nor takes longer than it may: whatever comes of it is told. */
export async function ask<T>(
  { timeoutMs, signal }: Limits,
  question: (limits: Limits) => Promise<T>,
): Promise<Told<T>> {
  const late = new AbortController();
  // Many calls may be made for one question.
  setMaxListeners(Infinity, late.signal);
  const timer = setTimeout(() => {
    late.abort(new Error(`there was no answer within ${timeoutMs} ms`));
  }, timeoutMs);
  const forget = onAbort(signal, () => late.abort(signal.reason));
  try {
    signal.throwIfAborted();
    const limits = { timeoutMs, signal: late.signal };
    return { told: true, value: await abortable(question(limits), late.signal) };
  } catch (error) {
    return untold(error);
  } finally {
    clearTimeout(timer);
    forget();
  }
}

/** A question that failed, or was not even asked. */
export function untold(error: unknown): Told<never> {
  return { told: false, why: tidy(reasonOf(error)), error };
}

/** OpenSSL says where in its sources it came to that; what it says is the fifth part of it. */
function tidy(why: string): string {
  return why.trim().replace(/[\dA-F]+:error:[\dA-F]+:[^:]*:[^:]*:([^:]*):.*/s, "$1");
}
