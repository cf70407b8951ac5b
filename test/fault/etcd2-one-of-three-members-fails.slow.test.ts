import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { EtcdMember } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { lookUpAllTheTime } from "../support/lookups.ts";
import { nobodyNotices } from "../support/member-fault.ts";
import {
  longestUnserved,
  service,
  startThreeMembers,
  type ThreeMembers,
} from "../support/three-members.ts";

const ttlSeconds = 5;

/** Longer than a key lives that nobody refreshes. */
const forMs = 1.6 * ttlSeconds * 1_000;

/** A key that is about to be refreshed, which is at half of its time, outlives an etcd that does not serve for this long. */
const outlivedMs = 0.4 * ttlSeconds * 1_000;

/** How long it may take to give up a member that is silent, and to find one that serves. */
const ownMs = 2_500;

const faults: Readonly<
  Record<
    string,
    {
      readonly begin: (member: EtcdMember) => unknown;
      readonly end: (member: EtcdMember) => unknown;
    }
  >
> = {
  hangs: { begin: (member) => member.pause(), end: (member) => member.resume() },
  "is killed": { begin: (member) => member.kill(), end: (member) => member.restart() },
  "is cut off from the others": {
    begin: (member) => member.isolate(),
    end: (member) => member.rejoin(),
  },
};

const cases = Object.entries(faults).flatMap(([fault, acts]) =>
  ["leader", "follower"].map((role) => ({ fault, role, ...acts })),
);

test.each(cases)(
  "nobody notices when a $role that serves etcd's v2 API $fault, nor when it is back",
  async ({ fault, role, begin, end }) => {
    await using trio = await startThreeMembers({
      etcd: { partitionable: true },
      client: { api: 2, ttlSeconds },
    });
    const leader = await trio.etcd.leader();
    const victim = trio.etcd.members.find((each) => (each === leader) === (role === "leader"));
    if (victim === undefined) throw new Error("there is one");
    const measured = await nobodyNotices(trio, victim, () => begin(victim), forMs, ownMs);
    console.log(`a ${role} ${fault}: ${JSON.stringify(measured)}`);
    await comesBack(trio, victim, () => end(victim));
  },
);

/**
 * The member serves again, and still nobody notices, unless the others have to vote for so long that
 * the time of keys is over: a TTL of API 2 is a point in time, which no leader puts off, and nobody can
 * renew a key meanwhile. What has expired so is put back, once, and nothing else is told; but for a write
 * of a host that has left since, which a member that slept has carried out on waking: it is taken off again.
 */
async function comesBack(
  trio: ThreeMembers,
  victim: EtcdMember,
  end: () => unknown,
): Promise<void> {
  const { clients, etcd } = trio;
  const before = [...(await trio.created(victim)).keys()];
  const toldBefore = clients.map(({ follower }) => follower.told.length);
  const lookups = clients.map(({ discovery }) => lookUpAllTheTime(discovery, service));
  const unserved = longestUnserved(etcd.members);
  await end();
  await sleep(forMs);
  for (const each of lookups) await each.stop();
  const unservedMs = await unserved.stop();
  await Promise.all(clients.map(({ follower }) => follower.agrees(trio.raw())));
  await eventually(async () => expect([...(await trio.created()).keys()]).toEqual(before));
  const staying = new Set(clients.map(({ registration }) => registration.uuid));
  const told = clients.map(({ follower }, i) => {
    const all = follower.told.slice(toldBefore[i]);
    const ofStaying = all.filter((_, n) => {
      const event = follower.events[(toldBefore[i] ?? 0) + n];
      return event !== undefined && staying.has(event.host.uuid);
    });
    if (all.length > ofStaying.length) console.log(`came late: ${all.join(", ")}`);
    return ofStaying;
  });
  const states = clients.map((client) => client.states);
  if (unservedMs < outlivedMs) {
    expect({ states, told }).toEqual({
      states: clients.map(() => []),
      told: clients.map(() => []),
    });
    return;
  }
  console.log(`coming back, etcd did not serve for up to ${Math.round(unservedMs)} ms`);
  for (const { registration } of clients) {
    await eventually(() => registration.state === "registered");
    const { uuid } = registration;
    for (const events of told) {
      const own = events.filter((event) => event.includes(uuid));
      if (own.length > 0) expect(own).toEqual([`down ${uuid} expired`, `up ${uuid}`]);
    }
  }
}
