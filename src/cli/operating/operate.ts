import { KeepAlive } from "../../async/keep-alive.ts";
import { checkOptions } from "../../discovery-options.ts";
import { openStore } from "../../store/open-store.ts";
import type { CallOptions, Store } from "../../store/store.ts";
import type { CommandContext } from "../command-context.ts";
import { Refusal } from "./refusal.ts";

/** What an operator's command works with. */
export interface Operation {
  readonly store: Store;

  /** For each call of the store. */
  readonly call: CallOptions;

  /** How long the owner of a record has to answer to what was done to it, in milliseconds. */
  readonly ownerMs: number;
}

/** Owners that follow their records answer at once. By API 2 there may be older clients, which write each 4 seconds. */
const ownerMs = { 2: 5_000, 3: 2_000 } as const;

/** Does a command's work on the records themselves, with a store that is opened and closed for it. Returns the exit status. */
export async function operate(
  context: CommandContext,
  work: (operation: Operation) => Promise<number>,
): Promise<number> {
  const { api = 3 } = context.options;
  const { place, timeoutMs } = checkOptions(context.options);
  const store = "store" in place ? place.store : openStore(place.connection);
  const call = { signal: context.signal, timeoutMs };
  const done = async (): Promise<number> => {
    try {
      return await work({ store, call, ownerMs: ownerMs[api] });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      context.output.error(error.message, error.hints);
      return error.code;
    } finally {
      await store.close();
    }
  };
  return new KeepAlive().during(done());
}
