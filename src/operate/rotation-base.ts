import { DiscoveryError } from "../errors.ts";
import { assertRecordSize } from "../model/host-options.ts";
import { decodeInfo, type InfoRecord } from "../model/record.ts";
import { quote } from "../model/refuse.ts";
import { isEmpty } from "../model/strings.ts";
import type { CallOptions, Store } from "../store/store.ts";
import { hostOnStore, notFound } from "./host-records.ts";

/** User and password that all public hosts of a service share. In the open: not to be printed. */
export interface ServiceCredentials {
  readonly user: string;
  readonly password: string;
}

/** What a rotation starts from. */
export interface RotationBase {
  /** The bytes of the info. */
  readonly value: Uint8Array;
  readonly info: InfoRecord;

  /** Throws `INVALID_ARGUMENT` for credentials that would make the record of a public host too long. */
  readonly assertFit: (credentials: ServiceCredentials) => void;
}

/**
 * Reads the info that new credentials are to be written to. Rejects with `SERVICE_NOT_FOUND`, with
 * `INVALID_ARGUMENT` for a private service, whose hosts share nothing, and with `MALFORMED_RECORD` for an
 * info that public hosts do not go by.
 */
export async function readRotationBase(
  store: Store,
  service: string,
  call: CallOptions,
): Promise<RotationBase> {
  const listing = await store.read(service, { info: true, hosts: "all" }, call);
  if (listing.info === undefined && listing.hosts.length === 0) {
    throw await notFound(store, service, call);
  }
  const hosts = listing.hosts.flatMap((stored) => {
    const { record } = hostOnStore(service, stored);
    return record?.public === true ? [record] : [];
  });
  const value = listing.info?.value.slice();
  const info = value && readable(value, service);
  if (info?.public === false && hosts.length === 0) {
    throw new DiscoveryError(
      "INVALID_ARGUMENT",
      `service ${quote(service)} is private: only public hosts share credentials`,
    );
  }
  const portless = info !== undefined && isEmpty(info.ports);
  const withPorts = hosts.some(({ ports }) => !isEmpty(ports));
  const serves = info?.public === true && info.hostname !== "" && !(portless && withPorts);
  if (value === undefined || info === undefined || !serves) {
    const message = `the info of service ${quote(service)} is missing or cannot be used; its public hosts put it right while they live, so try again`;
    throw new DiscoveryError("MALFORMED_RECORD", message);
  }
  const assertFit = (credentials: ServiceCredentials): void => {
    for (const host of hosts) assertRecordSize({ ...host, ...credentials }, () => "password");
  };
  return { value, info, assertFit };
}

function readable(value: Uint8Array, service: string): InfoRecord | undefined {
  try {
    return decodeInfo(value, service);
  } catch {
    return undefined;
  }
}
