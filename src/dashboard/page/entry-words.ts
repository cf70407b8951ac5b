import type { WireLogEntry } from "../wire.ts";

/** What happened to a host, in as few words as a list has room for. */
export function entryWords({ type, reason, changed }: WireLogEntry): string {
  if (type === "up") return "came";
  if (type === "down") return reason === "unregistered" ? "left" : "lost";
  return changed === undefined || changed.length === 0
    ? "was written anew"
    : `changed: ${changed.join(", ")}`;
}

/** The same with the reason, as far as it is known. */
export function entryReason(entry: WireLogEntry): string {
  if (entry.reason === "expired") return "lost: its lease ran out, or its record was deleted";
  if (entry.reason === "resync") return "lost: it went while etcd could not be followed";
  return entryWords(entry);
}

/** Its colour: who goes without a word is a fault, who leaves is not. */
export function entryLevel({ type, reason }: WireLogEntry): "bad" | "off" | "good" {
  if (type === "up") return "good";
  if (type === "update") return "off";
  return reason === "unregistered" ? "off" : "bad";
}
