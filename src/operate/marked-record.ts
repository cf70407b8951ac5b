import { goBytes } from "../model/go-json.ts";
import { encodeHost, type HostRecord } from "../model/record.ts";

/** As it stands at the end of a record that an order has marked. */
const mark = ',"draining":true}';

/** The bytes of a record with or without `draining`, and with all else that is in it, also what this version does not know. */
export function markedRecord(value: Uint8Array, record: HostRecord, draining: boolean): Uint8Array {
  if (Buffer.compare(encodeHost(record), value) === 0) return encodeHost({ ...record, draining });
  const text = Buffer.from(value).toString();
  const fields = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const names = Object.keys(fields).filter((name) => name.toLowerCase() === "draining");
  // All else as it is written: what is parsed and written again may be another number, such as a long one.
  if (draining && names.length === 0 && Object.keys(fields).length > 0) {
    return Buffer.from(text.replace(/\s*\}\s*$/, mark));
  }
  if (!draining && names.length === 1 && text.endsWith(mark)) {
    return Buffer.from(`${text.slice(0, -mark.length)}}`);
  }
  // Readers look at names without regard to case.
  const others = Object.entries(fields).filter(([name]) => name.toLowerCase() !== "draining");
  const marked = draining ? [...others, ["draining", true] as const] : others;
  return goBytes(JSON.stringify(Object.fromEntries(marked)));
}
