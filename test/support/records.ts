import {
  decodeHost,
  decodeInfo,
  type HostRecord,
  type InfoRecord,
} from "../../src/model/record.ts";
import type { Store } from "../../src/store/store.ts";

/** What a store has of a service, decoded. */
export async function recordsOf(
  store: Store,
  service: string,
): Promise<{ readonly info: InfoRecord | undefined; readonly hosts: HostRecord[] }> {
  const { info, hosts } = await store.read(
    service,
    { info: true, hosts: "all" },
    { timeoutMs: 5_000 },
  );
  return {
    info: info && decodeInfo(info.value, service),
    hosts: hosts.map(({ id, value }) => decodeHost(value, service, id)),
  };
}
