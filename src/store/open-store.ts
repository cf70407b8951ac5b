import type { ConnectionOptions } from "../discovery-options.ts";
import type { Store } from "./store.ts";

/** Makes the store that speaks to etcd. It connects when it is first used. */
export function openStore(options: ConnectionOptions): Store {
  throw new Error(`not yet: ${options.prefix}`);
}
