import {
  decodeHost,
  decodeInfo,
  type HostRecord,
  type InfoRecord,
} from "../../src/model/record.ts";
import { hostKey } from "../../src/model/keys.ts";
import type { Watch } from "../../src/store/store.ts";
import type { EtcdCluster } from "../../src/testing/index.ts";
import { etcd3Store, patiently } from "./etcd3.ts";
import { eventually } from "./eventually.ts";
import { RawEtcd } from "./raw-etcd.ts";

/** A write of one record of a service. */
export interface Written {
  readonly revision: number;

  /** Of a host; none if it is the info. */
  readonly id: string | undefined;

  /** What was written; none if it was deleted, or cannot be read. */
  readonly record: HostRecord | InfoRecord | undefined;
}

/** All that is written of a service, whether or not it lasts long enough to be found by looking. */
export interface History extends AsyncDisposable {
  /** What has been written until now, in order. */
  upToNow(): Promise<readonly Written[]>;
}

const marker = "the-end";

/** Follows the records of a service from now on. */
export async function recordHistory(
  etcd: EtcdCluster,
  service: string,
  prefix = "",
): Promise<History> {
  const raw = new RawEtcd(etcd);
  const store = etcd3Store(etcd.endpoints, { prefix });
  const written: Written[] = [];
  let markers = 0;
  const { revision } = await store.read(service, { info: true, hosts: [] }, patiently);
  let watch: Watch | undefined;
  const follow = (from: number): void => {
    let next = from;
    watch = store.watch(
      { service, part: "all", from },
      {
        established() {},
        interrupted() {},
        // Nothing here replaces the records: all that a store may doubt is whether they are the same.
        ended: () => follow(next),
        changed: (batch) => {
          next = batch.revision + 1;
          for (const change of batch.changes) {
            const id = change.record.kind === "host" ? change.record.id : undefined;
            const value = change.kind === "put" ? change.stored.value : undefined;
            if (id === marker) markers += 1;
            else
              written.push({ revision: batch.revision, id, record: decoded(service, id, value) });
          }
        },
      },
    );
  };
  follow(revision + 1);
  let flushes = 0;
  return {
    async upToNow() {
      // Only what comes after it shows that there is nothing before it that is still to come.
      const key = hostKey(prefix, service, marker);
      await raw.put(key, "no record");
      await raw.delete(key);
      flushes += 2;
      await eventually(() => markers >= flushes, 15_000);
      return written;
    },
    async [Symbol.asyncDispose]() {
      watch?.close();
      await store.close();
    },
  };
}

function decoded(
  service: string,
  id: string | undefined,
  value: Uint8Array | undefined,
): Written["record"] {
  if (value === undefined) return undefined;
  try {
    return id === undefined ? decodeInfo(value, service) : decodeHost(value, service, id);
  } catch {
    return undefined;
  }
}
