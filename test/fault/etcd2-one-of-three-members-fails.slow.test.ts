import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { EtcdMember } from "../../src/testing/index.ts";
import { lookUpAllTheTime } from "../support/lookups.ts";
import { nobodyNotices } from "../support/member-fault.ts";
import { service, startThreeMembers } from "../support/three-members.ts";

const ttlSeconds = 5;

/** Longer than a key lives that nobody refreshes. */
const forMs = 1.6 * ttlSeconds * 1_000;

/** A key that is about to be refreshed outlives an etcd that does not serve for this long. */
const outlivedMs = 0.3 * ttlSeconds * 1_000;

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
    const told = trio.clients.map(({ follower }) => follower.told.length);
    const lookups = trio.clients.map(({ discovery }) => lookUpAllTheTime(discovery, service));
    await end(victim);
    await sleep(forMs);
    for (const each of lookups) await each.stop();
    await Promise.all(trio.clients.map(({ follower }) => follower.agrees(trio.raw())));
    // A member that comes back may have the others vote again and again, and nobody serves meanwhile.
    const slowestMs = Math.max(...lookups.map((each) => each.slowestMs));
    const flapped = trio.clients.some(({ states }) => states.length > 0);
    if (slowestMs < outlivedMs) expect(flapped).toBe(false);
    else console.log(`coming back, etcd did not serve for up to ${Math.round(slowestMs)} ms`);
    expect(trio.clients.map(({ follower }) => follower.told.length)).toEqual(told);
  },
);
