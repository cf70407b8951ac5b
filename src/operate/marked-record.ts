import { goBytes } from "../model/go-json.ts";
import { encodeHost, type HostRecord } from "../model/record.ts";

/** The bytes of a record with or without `draining`, and with all else that is in it, also what this version does not know. */
export function markedRecord(value: Uint8Array, record: HostRecord, draining: boolean): Uint8Array {
  if (Buffer.compare(encodeHost(record), value) === 0) return encodeHost({ ...record, draining });
  const fields = JSON.parse(Buffer.from(value).toString()) as Readonly<Record<string, unknown>>;
  // Readers look at names without regard to case.
  const others = Object.entries(fields).filter(([name]) => name.toLowerCase() !== "draining");
  const marked = draining ? [...others, ["draining", true] as const] : others;
  return goBytes(JSON.stringify(Object.fromEntries(marked)));
}
