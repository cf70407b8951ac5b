import { hostsPrefix, infoKey } from "../../../src/model/keys.ts";
import {
  decodeHost,
  decodeInfo,
  type HostRecord,
  type InfoRecord,
} from "../../../src/model/record.ts";
import type { SeenHost, SeenInfo } from "./commands.ts";
import type { ServiceTruth } from "./model.ts";

/** Records of one service, however they were read, as those who follow it should see them. */
export function truthOf(
  service: string,
  info: string | Uint8Array | undefined,
  hosts: Iterable<readonly [string, string | Uint8Array]>,
): ServiceTruth {
  return {
    info: info === undefined ? undefined : readable(() => infoOf(decodeInfo(bytes(info), service))),
    hosts: new Map(
      [...hosts].map(([id, value]) => [
        id,
        readable(() => hostOf(decodeHost(bytes(value), service, id))),
      ]),
    ),
  };
}

/** Where the records of a service lie, on etcd. */
export const keysOf = (service: string): { readonly hosts: string; readonly info: string } => ({
  hosts: hostsPrefix("", service),
  info: infoKey("", service),
});

function hostOf(record: HostRecord): SeenHost {
  const { uuid, hostname, shard, weight = 1, draining, user, password } = record;
  const metadata = { ...record.metadata };
  const isPublic = record.public;
  return { uuid, hostname, public: isPublic, shard, weight, metadata, draining, user, password };
}

function infoOf({ hostname, public: isPublic, user, password }: InfoRecord): SeenInfo {
  return { hostname, public: isPublic, user, password };
}

function readable<T>(read: () => T): T | "unreadable" {
  try {
    return read();
  } catch {
    return "unreadable";
  }
}

function bytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? Buffer.from(value) : value;
}
