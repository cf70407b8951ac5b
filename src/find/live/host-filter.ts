import { assertOptionNames, type OptionNames } from "../../model/option-names.ts";
import { readMetadata, readString } from "../../model/option-values.ts";
import { kindOf, refuse } from "../../model/refuse.ts";
import type { Host } from "../../model/host.ts";
import type { Strings } from "../../model/strings.ts";

/** Which hosts. */
export interface HostFilter {
  /** Those on this shard. Default, also if it is empty: all. */
  readonly shard?: string | undefined;

  /** Those whose metadata has all of this. Default: all. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** A filter that was checked, with a copy of what it asks for. Undefined: no condition. */
export interface CheckedFilter {
  readonly shard: string | undefined;
  readonly metadata: Strings | undefined;
}

/** All hosts. */
const noCondition: CheckedFilter = { shard: undefined, metadata: undefined };

/** Throws `INVALID_ARGUMENT`, naming the field. */
export function checkFilter(filter: HostFilter, prefix = ""): CheckedFilter {
  const { shard, metadata } = filter;
  if (shard === undefined && metadata === undefined) return noCondition;
  return {
    shard: readString(`${prefix}shard`, shard, "") || undefined,
    metadata: readMetadata(metadata, undefined, `${prefix}metadata`),
  };
}

/** Checks an option that is a filter with something more, and its names. Throws `INVALID_ARGUMENT`. */
export function filterBag<T extends object>(
  field: string,
  value: T,
  names: OptionNames<NoInfer<T>>,
): T {
  if (typeof value !== "object" || value === null) {
    refuse(field, `must be an object, not ${kindOf(value)}`);
  }
  assertOptionNames<T>(value, names);
  return value;
}

/** Whether a host is one of those that are asked for. */
export function passes(host: Host, { shard, metadata }: CheckedFilter): boolean {
  if (shard !== undefined && host.shard !== shard) return false;
  for (const name in metadata) {
    if (host.metadata[name] !== metadata[name]) return false;
  }
  return true;
}
