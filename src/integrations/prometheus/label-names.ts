import { kindOf, quote, refuse, shown } from "../../model/refuse.ts";

const prefix = "__meta_etcd_discovery_";

/** A label of a target, which is there while targets are relabelled and gone after that. */
export function metaLabel(name: string): string {
  return prefix + name;
}

/**
 * The labels that metadata goes to, by its names: what Prometheus allows in a label's name stays, all
 * else becomes `_`. Throws `INVALID_ARGUMENT`.
 */
export function metadataLabels(names: readonly string[] | undefined): ReadonlyMap<string, string> {
  if (names === undefined) return new Map();
  if (!Array.isArray(names)) refuse("labels", `must be a list of names, not ${kindOf(names)}`);
  const labels = new Map<string, string>();
  for (const name of names as readonly unknown[]) {
    if (typeof name !== "string" || name === "") {
      refuse("labels", `must be names of metadata, not ${shown(name)}`);
    }
    const label = metaLabel(`metadata_${name.replaceAll(/[^a-zA-Z0-9_]/g, "_")}`);
    for (const [other, taken] of labels) {
      if (taken !== label || other === name) continue;
      refuse("labels", `${quote(other)} and ${quote(name)} are both ${label}; leave one out`);
    }
    labels.set(name, label);
  }
  return labels;
}
