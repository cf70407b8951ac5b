import type { WireLogEntry } from "../wire.ts";

const reasons = {
  unregistered: "left",
  expired: "lost: its lease ran out, or its record was deleted",
  resync: "gone while etcd could not be followed",
} as const;

/** What happened to a host, in words. */
export function entryWords({ type, reason, changed }: WireLogEntry): string {
  switch (type) {
    case "up":
      return "came";
    case "down":
      return reason === undefined ? "went" : reasons[reason];
    case "update":
      return changed === undefined || changed.length === 0
        ? "was written anew"
        : `changed: ${changed.join(", ")}`;
  }
}

/** Its colour: who goes without a word is a fault, who leaves is not. */
export function entryLevel({ type, reason }: WireLogEntry): "bad" | "off" | "good" {
  if (type === "up") return "good";
  if (type === "update") return "off";
  return reason === "unregistered" ? "off" : "bad";
}
