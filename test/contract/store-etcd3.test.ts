import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/async/clock.ts";
import { silentLogger } from "../../src/logger.ts";
import { Etcd3Store } from "../../src/store/etcd3/etcd3-store.ts";
import { Http2Channel } from "../../src/store/etcd3/http2-channel.ts";
import { type EtcdCluster, startEtcd, storeContract } from "../../src/testing/index.ts";
import { CountingChannel } from "../support/counting-channel.ts";

/** Longer than the suite itself waits for anything. */
const timeoutMs = 60_000;

/** etcd v3 does not tell why a key was deleted. */
const untestable = ["reasons"];

const notTested: string[] = [];
let etcd: EtcdCluster;

beforeAll(async () => {
  etcd = await startEtcd();
});

afterAll(async () => {
  await etcd.stop();
  const needs = notTested.map((message) => /no (\w+) here/.exec(message)?.[1]);
  expect(new Set(needs)).toEqual(new Set(untestable));
});

function connect(): { store: Etcd3Store; channels: CountingChannel[] } {
  const channels: CountingChannel[] = [];
  const store = new Etcd3Store({
    addresses: etcd.endpoints,
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

const put = (key: string): Promise<unknown> =>
  etcd.call("/v3/kv/put", { key: btoa(key), value: btoa("litter") });

async function leases(): Promise<{ ID: string }[]> {
  const answer = await etcd.call("/v3/lease/leases", {});
  return (answer["leases"] ?? []) as { ID: string }[];
}

const contract = storeContract({
  async open() {
    const { store, channels } = connect();
    return {
      store,
      async another() {
        const client = connect();
        const kill = async (): Promise<void> => {
          await Promise.all(client.channels.map((channel) => channel.close()));
        };
        return { store: client.store, kill };
      },
      compact: () => etcd.compact(),
      wipe: () => etcd.wipe(),
      async revokeSessions() {
        for (const { ID } of await leases()) await etcd.call("/v3/lease/revoke", { ID });
      },
      sessions: async () => (await leases()).length,
      outage: (away) => (away ? etcd.kill() : etcd.restart()),
      async litter(service) {
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
  },
  report(message) {
    notTested.push(message);
    console.log(message);
  },
});

for (const { name, run } of contract) test(name, run, timeoutMs);
