import { optionsBag, type WaitOptions } from "../../arguments.ts";
import { Host } from "../../model/host.ts";
import { assertOptionalString, kindOf, refuse } from "../../model/refuse.ts";

/** Which host to pick. */
export interface PickOptions {
  /** What the request is about. Strategies that mind keys send the same key to the same host. */
  readonly key?: string | undefined;

  /** Hosts that are not to be picked, such as one that has just failed. */
  readonly exclude?: Host | Iterable<Host> | undefined;
}

/** Which host to use, and for how long to wait for that. */
export interface UseOptions extends PickOptions, WaitOptions {}

/** Checks the options of a pick, which may be asked for millions of times a second. The uuids that are excluded; undefined: none. */
export function checkPick(options: PickOptions): ReadonlySet<string> | undefined {
  if (typeof options !== "object" || options === null) {
    refuse("options", `must be an object, not ${kindOf(options)}`);
  }
  const { key, exclude } = options;
  if (typeof key !== "string") {
    assertOptionalString("key", key);
    // Most have a key, and no mistake in its name; the others have time.
    optionsBag<UseOptions>(options, { key: true, exclude: true, signal: true });
  }
  return exclude === undefined ? undefined : uuidsOf(exclude);
}

function uuidsOf(exclude: Host | Iterable<Host>): ReadonlySet<string> | undefined {
  if (exclude instanceof Host) return new Set([exclude.uuid]);
  const given: unknown = exclude;
  if (typeof given !== "object" || given === null || !(Symbol.iterator in given)) {
    refuse("exclude", `must be a host or several, not ${kindOf(given)}`);
  }
  const uuids = new Set<string>();
  for (const host of exclude) {
    if (!(host instanceof Host)) refuse("exclude", `must hold hosts only, not ${kindOf(host)}`);
    uuids.add(host.uuid);
  }
  return uuids.size === 0 ? undefined : uuids;
}
