import { systemClock } from "../async/clock.ts";
import type { ConnectionOptions } from "../discovery-options.ts";
import { Etcd2Store } from "./etcd2/etcd2-store.ts";
import { Etcd3Store } from "./etcd3/etcd3-store.ts";
import { Http2Channel } from "./etcd3/http2-channel.ts";
import { OlderRecords } from "./etcd3/older-records.ts";
import type { Store } from "./store.ts";

/** Makes the store that speaks to etcd. It connects when it is first used. */
export function openStore(options: ConnectionOptions): Store {
  const { api, endpoints, tls, auth, prefix, logger } = options;
  const clock = systemClock;
  if (api === 2) {
    return new Etcd2Store({ addresses: endpoints, tls, user: auth, prefix, clock, logger });
  }
  return new Etcd3Store({
    addresses: endpoints,
    connect: (origin) => new Http2Channel({ origin, tls, clock }),
    user: auth,
    prefix,
    older: new OlderRecords({ prefix, tls, clock, logger }),
    clock,
    logger,
  });
}
