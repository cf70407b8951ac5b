import { optionsBag } from "../arguments.ts";
import { kindOf, refuse } from "../model/refuse.ts";
import { lookup, lookupCall, type LookupContext, type LookupOptions } from "./lookup.ts";

/** Which services to name. */
export interface ServicesOptions extends LookupOptions {
  /** Only those that have a host. Default: false, also those that have an info only. */
  readonly alive?: boolean | undefined;
}

/** The names of the services on etcd, sorted by their bytes. Throws `INVALID_ARGUMENT` at once. */
export function listServices(
  context: LookupContext,
  options?: ServicesOptions | undefined,
): Promise<string[]> {
  const bag = optionsBag(options, { signal: true, timeoutMs: true, alive: true });
  const { alive = false } = bag;
  if (typeof alive !== "boolean") refuse("alive", `must be true or false, not ${kindOf(alive)}`);
  const call = lookupCall(bag, context);
  return lookup(context, call, () => context.store.services({ ...call, alive }));
}
