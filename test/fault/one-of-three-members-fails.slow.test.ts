import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { EtcdMember } from "../../src/testing/index.ts";
import { nobodyNotices } from "../support/member-fault.ts";
import { eventually } from "../support/eventually.ts";
import { lookUpAllTheTime } from "../support/lookups.ts";
import {
  longestUnserved,
  servedAfter,
  service,
  startThreeMembers,
  type ThreeMembers,
} from "../support/three-members.ts";

const ttlSeconds = 5;

/** Longer than a lease lives that nobody keeps. */
const forMs = 1.6 * ttlSeconds * 1_000;

/**
 * A lease outlives an etcd that says that it has no leader for so long: one that is put off lives for
 * twice its time, and was renewed a third of it ago at most.
 */
const outlivedMs = 1.6 * ttlSeconds * 1_000;

/** A lookup takes no longer than this. */
const lookupMs = 2_500;

interface Fault {
  readonly begin: (member: EtcdMember) => unknown;
  readonly end: (member: EtcdMember) => unknown;
}

const faults: Readonly<Record<string, Fault>> = {
  hangs: { begin: (member) => member.pause(), end: (member) => member.resume() },
  "is killed": { begin: (member) => member.kill(), end: (member) => member.restart() },
  "is told to stop": {
    begin: ({ pid }) => pid !== undefined && process.kill(pid, "SIGTERM"),
    end: (member) => member.restart(),
  },
  "is cut off from the others": {
    begin: (member) => member.isolate(),
    end: (member) => member.rejoin(),
  },
};

const cases = Object.keys(faults).flatMap((fault) => [
  { fault, role: "leader" },
  { fault, role: "follower" },
]);

test.each(cases)("nobody notices when a $role $fault", async ({ fault, role }) => {
  const { begin, end } = faults[fault] ?? never();
  await using trio = await startThreeMembers({
    etcd: { partitionable: true },
    client: { ttlSeconds },
  });
  const leader = await trio.etcd.leader();
  const follower = trio.etcd.members.find((member) => member !== leader);
  const victim = role === "leader" ? leader : (follower ?? never());
  const measured = await nobodyNotices(trio, victim, () => begin(victim), forMs);
  console.log(`a ${role} ${fault}: ${JSON.stringify(measured)}`);
  await comesBack(trio, () => end(victim));
});

test("nor when for longer than a lease lives no member sees another, and none can lead", async () => {
  await using trio = await startThreeMembers({
    etcd: { partitionable: true },
    client: { ttlSeconds },
  });
  const { clients, etcd } = trio;
  const [first, second] = etcd.members;
  const before = await trio.created();
  const lookups = clients.map(({ discovery }) => lookUpAllTheTime(discovery, service));
  for (const member of [first, second]) member?.isolate();
  await sleep(1.2 * ttlSeconds * 1_000);
  for (const each of lookups) await each.stop();
  expect(lookups.flatMap(({ failures }) => failures)).toEqual([]);
  expect(Math.max(...lookups.map((each) => each.slowestMs))).toBeLessThan(lookupMs);
  expect(clients.map(({ states }) => states)).toEqual(clients.map(() => []));
  for (const member of [first, second]) member?.rejoin();
  await servedAfter(etcd.members);
  expect(await trio.created()).toEqual(before);
  await Promise.all(clients.map(({ follower }) => follower.agrees(etcd)));
  expect(clients.map(({ follower }) => follower.told)).toEqual(
    clients.map(({ follower }) => follower.told.filter((event) => event.startsWith("up"))),
  );
  for (const { registration } of clients) {
    await eventually(() => registration.state === "registered");
  }
});

/**
 * The member serves again, and still nobody notices, but for what is etcd's own doing:
 *
 * - one that takes very long to choose a leader anew. Then a registration may take another lease, but
 *   no record may be gone for a moment.
 * - a member that slept may have taken in a write of a host that has left since. That must be taken
 *   off again.
 */
async function comesBack(trio: ThreeMembers, end: () => unknown): Promise<void> {
  const { clients, etcd } = trio;
  const before = await trio.created();
  const toldBefore = clients.map(({ follower }) => follower.told.length);
  const lookups = clients.map(({ discovery }) => lookUpAllTheTime(discovery, service));
  const unserved = longestUnserved(etcd.members);
  await end();
  // As long as it takes a lease to run out that nobody renews any more.
  await sleep(forMs);
  for (const each of lookups) await each.stop();
  const unservedMs = await unserved.stop();
  console.log(`coming back, etcd did not serve for up to ${Math.round(unservedMs)} ms`);
  await Promise.all(clients.map(({ follower }) => follower.agrees(etcd)));
  const after = await trio.created();
  expect([...after.keys()]).toEqual([...before.keys()]);
  expect(clients.map(({ registration }) => registration.state)).toEqual(
    clients.map(() => "registered"),
  );
  expect(after).toEqual(before);
  const staying = new Set(clients.map(({ registration }) => registration.uuid));
  for (const [i, { follower }] of clients.entries()) {
    const told = follower.events.slice(toldBefore[i]);
    expect(told.filter(({ host }) => staying.has(host.uuid))).toEqual([]);
    if (told.length > 0) console.log(`came late: ${follower.told.slice(toldBefore[i]).join(", ")}`);
  }
  expect(lookups.flatMap(({ failures }) => failures)).toEqual([]);
  expect(Math.max(...lookups.map((each) => each.slowestMs))).toBeLessThan(lookupMs);
  if (unservedMs < outlivedMs) {
    expect(clients.map(({ states }) => states)).toEqual(clients.map(() => []));
  }
}

function never(): never {
  throw new Error("there is one");
}
