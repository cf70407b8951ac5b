import type { StoreCapabilities } from "../store.ts";

/** v2 has no transactions, and a request for each key or directory; its events tell what was done. */
export const etcd2Capabilities: StoreCapabilities = {
  atomicWrites: false,
  oneRoundTrip: false,
  reasons: true,
};
