import { decodeHost, encodeHost } from "../model/record.ts";
import type { Entry } from "./entry.ts";

/** Whether a foreign write only added `draining` to the record: an operator's order, which is obeyed. */
export function ordersDraining(entry: Entry, value: Uint8Array): boolean {
  if (entry.record.draining) return false;
  try {
    const foreign = decodeHost(value, entry.service, entry.uuid);
    const undrained = encodeHost({ ...foreign, draining: false });
    return foreign.draining && Buffer.compare(entry.encode(), undrained) === 0;
  } catch {
    return false;
  }
}
