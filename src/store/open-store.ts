import { systemClock } from "../async/clock.ts";
import type { ConnectionOptions } from "../discovery-options.ts";
import { DeferredStore } from "./deferred-store.ts";
import { etcd2Capabilities } from "./etcd2/capabilities.ts";
import { Etcd3Store } from "./etcd3/etcd3-store.ts";
import { Http2Channel } from "./etcd3/http2-channel.ts";
import { OlderRecords } from "./etcd3/older-records.ts";
import { reportedChannel } from "./etcd3/reported-channel.ts";
import type { RpcReport } from "./etcd/rpc-report.ts";
import type { Store } from "./store.ts";

/**
 * Makes the store that speaks to etcd. It connects when it is first used; the driver of v2 is not even
 * loaded before.
 *
 * @param report told of each request to etcd
 */
export function openStore(options: ConnectionOptions, report: RpcReport): Store {
  const { api, endpoints, tls, auth, prefix, logger } = options;
  const clock = systemClock;
  if (api === 2) {
    return new DeferredStore(clock, etcd2Capabilities, async () => {
      const { Etcd2Store } = await import("./etcd2/etcd2-store.ts");
      return new Etcd2Store({
        ...{ addresses: endpoints, tls, user: auth },
        ...{ prefix, clock, logger, report },
      });
    });
  }
  return new Etcd3Store({
    addresses: endpoints,
    connect: (origin) =>
      reportedChannel(new Http2Channel({ origin, tls, clock }), {
        endpoint: origin,
        ...{ clock, report },
      }),
    user: auth,
    prefix,
    older: new OlderRecords({ prefix, tls, clock, logger }),
    clock,
    logger,
  });
}
