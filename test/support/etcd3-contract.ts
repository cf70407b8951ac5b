import { systemClock } from "../../src/async/clock.ts";
import { silentLogger } from "../../src/logger.ts";
import { Etcd3Store } from "../../src/store/etcd3/etcd3-store.ts";
import { Http2Channel } from "../../src/store/etcd3/http2-channel.ts";
import type { EtcdCluster, StoreUnderTest } from "../../src/testing/index.ts";
import { CountingChannel } from "./counting-channel.ts";

/** A store on etcd v3, with all that the contract needs to be done to that etcd. */
export function etcd3UnderTest(
  etcd: EtcdCluster,
  { near, far }: { readonly near: string; readonly far: string },
): Required<Omit<StoreUnderTest, "tick" | "release">> {
  const { store, channels } = connect(near);
  return {
    store,
    async another() {
      const client = connect(far);
      const kill = async (): Promise<void> => {
        await Promise.all(client.channels.map((channel) => channel.close()));
      };
      return { store: client.store, kill };
    },
    compact: () => etcd.compact(),
    wipe: () => etcd.wipe(),
    async revokeSessions() {
      for (const { ID } of await leases(etcd)) await etcd.call("/v3/lease/revoke", { ID });
    },
    sessions: async () => (await leases(etcd)).length,
    outage: (away) => (away ? etcd.kill() : etcd.restart()),
    async litter(service) {
      const put = (key: string): Promise<unknown> =>
        etcd.call("/v3/kv/put", { key: btoa(key), value: btoa("litter") });
      await put(`/services/${service}`);
      await put(`/services/${service}/`);
      await put(`/services/${service}/a/b`);
      await put(`/services/${service}/..`);
      await put(`/services/${service}/line\nbreak`);
      await put(`/services_infos/${service}/a`);
      await put(`/services_infos/`);
      await put(`/services//a`);
    },
    roundTrips: () => channels.reduce((sum, channel) => sum + channel.calls, 0),
  };
}

function connect(endpoint: string): { store: Etcd3Store; channels: CountingChannel[] } {
  const channels: CountingChannel[] = [];
  const store = new Etcd3Store({
    addresses: [endpoint],
    connect(origin) {
      const channel = new CountingChannel(new Http2Channel({ origin }));
      channels.push(channel);
      return channel;
    },
    prefix: "",
    clock: systemClock,
    logger: silentLogger,
  });
  return { store, channels };
}

async function leases(etcd: EtcdCluster): Promise<{ ID: string }[]> {
  const answer = await etcd.call("/v3/lease/leases", {});
  return (answer["leases"] ?? []) as { ID: string }[];
}
