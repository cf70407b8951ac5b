import type { DiscoveryError } from "../errors.ts";
import { decodeInfo, encodeInfo, type HostRecord, type InfoRecord } from "../model/record.ts";
import type { Condition, StoredRecord } from "../store/store.ts";
import { type Credentials, given } from "./credentials.ts";

/** A service's info as last seen on the store. */
export interface SeenInfo {
  /** The revision that wrote it; when there is none, one at which there was none. */
  readonly revision: number;

  /** It was so at this revision, too: what wrote it may be long ago, and what happened since forgotten. */
  readonly seenAt: number;

  /** Undefined when there is none. */
  readonly value: Uint8Array | undefined;

  /** Undefined when there is none, or it cannot be read. */
  readonly record: InfoRecord | undefined;
}

/** What was seen at revision `at`: `stored`, or that there is none. */
export function seenInfo(
  service: string,
  stored: StoredRecord | undefined,
  at: number,
  onMalformed: (error: DiscoveryError) => void,
): SeenInfo {
  if (stored === undefined)
    return { revision: at, seenAt: at, value: undefined, record: undefined };
  // A copy: what comes from the store may be a slice of a far larger buffer.
  const value = stored.value.slice();
  const { revision } = stored;
  const seenAt = Math.max(revision, at);
  try {
    return { revision, seenAt, value, record: decodeInfo(value, service) };
  } catch (error) {
    onMalformed(error as DiscoveryError);
    return { revision, seenAt, value, record: undefined };
  }
}

/**
 * Whether public hosts can go by this info. One that lost its hostname or, while there are some, its
 * ports or its credentials, is no order to serve without: somebody overwrote it who did not know
 * them.
 */
export function serves(
  info: SeenInfo,
  credentials: Credentials | undefined,
  hosts: readonly { readonly record: HostRecord }[],
): info is SeenInfo & { readonly record: InfoRecord; readonly value: Uint8Array } {
  return (
    info.record?.public === true &&
    info.record.hostname !== "" &&
    (hasPorts(info.record) || !hosts.some(({ record }) => hasPorts(record))) &&
    (given(info.record) || credentials === undefined || !given(credentials))
  );
}

function hasPorts({ ports }: Pick<HostRecord, "ports">): boolean {
  return Object.keys(ports).length > 0;
}

/** That the info is still what was seen. Its bytes count, so that a repair's touch of it is no conflict. */
export function unchanged(info: SeenInfo): Condition {
  if (info.value === undefined) return untouched(info);
  return { record: { kind: "info" }, value: info.value };
}

/** That nobody has written the info since, not even the same bytes. */
export function untouched({ value, revision }: SeenInfo): Condition {
  return { record: { kind: "info" }, revision: value === undefined ? 0 : revision };
}

/** What the store has after `record` was written at `revision`. */
export function writtenInfo(record: InfoRecord, revision: number): SeenInfo {
  return { revision, seenAt: revision, value: encodeInfo(record), record };
}
