import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { type EtcdCluster, startEtcd, startProxy, type TcpProxy } from "../../src/testing/index.ts";
import { etcdMetrics } from "../support/etcd-metrics.ts";
import { eventually } from "../support/eventually.ts";
import { hostValue } from "../support/host-value.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { kept, type Sample, soakClient } from "./soak/client.ts";

const minutes = Number(process.env["SOAK_MINUTES"] ?? 1);

/** Half a minute, or so that there are at least six samples. */
const sampleMs = Math.min(30_000, (minutes * 60_000) / 6);

/** What is at rest on etcd: each `Discovery` watches its services, and the info and each host of its own. */
const watchersAtRest = kept.discoveries * (2 * kept.services + kept.services + kept.hosts);

interface Place {
  readonly etcd: EtcdCluster;
  readonly proxy: TcpProxy;
  readonly raw: RawEtcd;
}

const aWhile = (): Promise<void> => sleep(500 + Math.random() * 4_500);

const faults: Readonly<Record<string, (place: Place) => Promise<unknown>>> = {
  "etcd killed": async ({ etcd }) => {
    await etcd.kill();
    await aWhile();
    await etcd.restart();
  },
  "etcd restarted": ({ etcd }) => etcd.restart(),
  "etcd paused": async ({ etcd }) => {
    etcd.pause();
    await aWhile();
    etcd.resume();
  },
  compacted: ({ etcd }) => etcd.compact(),
  "compacted while away": async ({ etcd, proxy, raw }) => {
    proxy.refuse();
    await aWhile();
    for (let index = 0; index < kept.services; index += 1) {
      await raw.put(`/services/service-${index}/by-hand`, hostValue(`service-${index}`, "by-hand"));
      await raw.delete(`/services/service-${index}/by-hand`);
    }
    await etcd.compact();
    proxy.heal();
  },
  "connections cut": async ({ proxy }) => proxy.cut(),
  "connections dead": async ({ proxy }) => {
    proxy.drop();
    await sleep(10_000);
    // Until then etcd holds on to what was on them, for nobody tells it that they are.
    proxy.cut();
  },
  "network stalled": async ({ proxy }) => {
    proxy.stall();
    await aWhile();
    proxy.heal();
  },
  "records deleted by hand": async ({ raw }) => {
    const keys = [...(await raw.list("/services/")).keys()];
    for (const key of keys.slice(0, 5)) await raw.delete(key);
  },
  "a record that nobody can read": async ({ raw }) => {
    await raw.put("/services/service-0/malformed", "{");
    await raw.delete("/services/service-0/malformed");
  },
  "a lease revoked": async ({ raw }) => {
    const [lease] = await raw.leases();
    if (lease !== undefined) await raw.revoke(lease);
  },
  "all data lost": ({ etcd }) => etcd.wipe(),
};

/** What etcd holds while the client is at rest, as soon as it is what it should be. */
async function settled({ etcd, raw }: Place): Promise<{ onEtcd: number[]; failure?: Error }> {
  let onEtcd: number[] = [];
  const look = async (): Promise<void> => {
    const { watchers, watchStreams } = await etcdMetrics(etcd);
    onEtcd = [watchers, watchStreams, (await raw.leases()).length];
    expect(onEtcd).toEqual([watchersAtRest, kept.discoveries, kept.discoveries]);
    await sleep(10);
  };
  try {
    // A lease that was given up runs out, and begins anew when etcd is restarted.
    await eventually(look, 20_000);
    return { onEtcd };
  } catch (failure) {
    return { onEtcd, failure: failure as Error };
  }
}

const middle = (numbers: readonly number[]): number =>
  numbers.toSorted((one, other) => one - other)[numbers.length >> 1] ?? 0;

/** One line of what is printed. */
function line(sinceMs: number, sample: Sample, onEtcd: readonly number[]): string {
  const { bytes, files, resources, listeners, registered, live, resyncs } = sample;
  const { registeredAndLeft, subscribedAndLeft, lookups, failedLookups } = sample;
  const numbers = [
    (sinceMs / 60_000).toFixed(1),
    (bytes / 1e6).toFixed(2),
    ...[files, resources.length, listeners, registered, live, ...onEtcd],
    ...[registeredAndLeft, subscribedAndLeft, lookups, failedLookups, resyncs],
  ];
  return numbers.map((number) => String(number).padStart(7)).join(" ");
}

const heads =
  "minutes heap/MB files handles listen. regist. live watches streams leases hosts± subscr± lookups failed resyncs"
    .split(" ")
    .map((head) => head.padStart(7))
    .join(" ");

test(
  `nothing grows in ${minutes} minutes of faults: heap, files, handles, listeners, watches and leases on etcd`,
  { timeout: minutes * 60_000 * 2 + 120_000 },
  async () => {
    await using etcd = await startEtcd({
      args: ["--heartbeat-interval=20", "--election-timeout=200"],
    });
    await using proxy = await startProxy(etcd.endpoint);
    const place = { etcd, proxy, raw: new RawEtcd(etcd) };
    await using client = await soakClient(proxy.endpoint);
    const begun = performance.now();
    const samples: Sample[] = [];
    const happened: Record<string, number> = {};
    const names = Object.keys(faults);
    console.log(heads);
    while (performance.now() - begun < minutes * 60_000) {
      const until = performance.now() + sampleMs;
      while (performance.now() < until) {
        const name = names[Math.floor(Math.random() * names.length)] ?? "";
        happened[name] = (happened[name] ?? 0) + 1;
        await faults[name]?.(place);
        await sleep(Math.random() * 2_000);
      }
      await client.atRest(async (sample) => {
        samples.push(sample);
        const { onEtcd, failure } = await settled(place);
        console.log(line(performance.now() - begun, sample, onEtcd));
        if (failure !== undefined) throw failure;
        expect([sample.registered, sample.live]).toEqual([sample.registrations, sample.followed]);
      });
    }
    console.log(happened);
    expect(await client.end()).toEqual({ code: 0, signal: null, stderr: "" });

    // What is compiled, and what is found out about the shapes of objects, grows in the beginning.
    const warm = samples.slice(Math.ceil(samples.length / 6));
    const third = Math.ceil(warm.length / 3);
    const [before, after] = [warm.slice(0, third), warm.slice(-third)].map((some) =>
      middle(some.map(({ bytes }) => bytes)),
    );
    expect((after ?? 0) - (before ?? 0)).toBeLessThan(1.5e6);
    // The client's own timers are not the package's, which never keep a process alive.
    for (const count of [
      ({ files }: Sample) => files,
      ({ resources }: Sample) => resources.filter((kind) => kind !== "Timeout").length,
      ({ listeners }: Sample) => listeners,
    ]) {
      const counts = warm.map(count);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
    expect((await etcdMetrics(etcd)).watchStreams).toBe(0);
  },
);
