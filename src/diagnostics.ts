import { channel } from "node:diagnostics_channel";
import type { DiscoveryError } from "./errors.ts";

/** A record on etcd that was skipped because it cannot be read. Never carries what is in it. */
export interface MalformedRecord {
  readonly service: string;
  readonly kind: "host" | "info";

  /** The host's uuid; for an info, the service's name. */
  readonly id: string;

  /** Why: `MALFORMED_RECORD`. */
  readonly error: DiscoveryError;
}

const malformedRecords = channel("etcd-discovery:malformed-record");

/** Tells the subscribers of the diagnostics channel `etcd-discovery:malformed-record`. */
export function reportMalformedRecord(record: MalformedRecord): void {
  malformedRecords.publish(record);
}
