import { decodeHost, encodeHost } from "../model/record.ts";
import type { Entry } from "./entry.ts";

/**
 * Whether a foreign write is an operator's order, which is obeyed: it only added `draining` to the
 * record (true), or only took away what an operator had added (false). Undefined: it is none.
 */
export function drainingOrdered(entry: Entry, value: Uint8Array): boolean | undefined {
  const { draining } = entry.record;
  // Where its owner wants to leave, nobody else can call that off; nor does a store that was put back
  // to where it was before the order.
  if (draining && (!entry.drainOrdered || entry.stored === undefined)) return undefined;
  try {
    const foreign = decodeHost(value, entry.service, entry.uuid);
    if (foreign.draining === draining) return undefined;
    const otherwise = encodeHost({ ...foreign, draining });
    // The operator may have read what is about to be replaced, as by a record with new credentials.
    const own = [entry.encode(), entry.stored?.value];
    const same = own.some((each) => each !== undefined && Buffer.compare(each, otherwise) === 0);
    return same ? foreign.draining : undefined;
  } catch {
    return undefined;
  }
}
