import { systemClock } from "../../src/async/clock.ts";
import { silentLogger } from "../../src/logger.ts";
import { Etcd2Store } from "../../src/store/etcd2/etcd2-store.ts";
import {
  type EtcdCluster,
  startProxy,
  type StoreUnderTest,
  type TcpProxy,
} from "../../src/testing/index.ts";
import { fillHistory } from "./apis.ts";
import { RawEtcdV2 } from "./raw-etcd-v2.ts";

/** A store on etcd v2, with all that the contract needs to be done to that etcd. */
export function etcd2UnderTest(
  etcd: EtcdCluster,
  near: string = etcd.endpoint,
  delayMs = 0,
): Omit<StoreUnderTest, "tick" | "roundTrips" | "sessions" | "revokeSessions"> {
  const raw = new RawEtcdV2(etcd.endpoint);
  const proxies: TcpProxy[] = [];
  return {
    store: connect(near),
    async another() {
      const proxy = await startProxy(etcd.endpoint);
      proxies.push(proxy);
      proxy.delay(delayMs);
      return { store: connect(proxy.endpoint), kill: () => proxy.refuse() };
    },
    compact: () => fillHistory(raw),
    wipe: () => etcd.wipe(),
    outage: (away) => (away ? etcd.kill() : etcd.restart()),
    async litter(service) {
      await raw.put(`/services/${service}/_hidden`, "litter");
      await raw.put(`/services/${service}/directory/a`, "litter");
      await raw.put(`/services/${service}/line\nbreak`, "litter");
      await raw.put(`/services/${service}-file`, "litter");
      await raw.put(`/services/${service}-nested/directory/a`, "litter");
      await raw.put(`/services/${service}-hidden/_a`, "litter");
      await raw.makeDirectory(`/services/${service}-empty`);
      await raw.put(`/services_infos/${service}-directory/a`, "litter");
      await raw.put(`/services_infos/line\nbreak`, "litter");
      await raw.put(`/a`, "litter");
    },
    async release() {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
    },
  };
}

function connect(endpoint: string): Etcd2Store {
  return new Etcd2Store({
    addresses: [endpoint],
    tls: undefined,
    user: undefined,
    prefix: "",
    clock: systemClock,
    logger: silentLogger,
  });
}
