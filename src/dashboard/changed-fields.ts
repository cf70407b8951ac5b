import type { Host } from "../model/host.ts";
import { isSame } from "../model/strings.ts";

const plainFields = [
  "hostname",
  "privateHostname",
  "public",
  "critical",
  "shard",
  "weight",
  "draining",
] as const satisfies readonly (keyof Host)[];

const mapFields = ["ports", "privatePorts", "metadata"] as const satisfies readonly (keyof Host)[];

/** What is different about a host, by the names of its fields; of its credentials, that they are others. */
export function changedFields(before: Host, after: Host): string[] {
  const changed: string[] = plainFields.filter((field) => before[field] !== after[field]);
  changed.push(...mapFields.filter((field) => !isSame(before[field], after[field])));
  if (before.user !== after.user || before.password !== after.password) changed.push("credentials");
  return changed;
}
