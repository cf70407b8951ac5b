import { expect, test } from "vitest";
import { lookUpAllTheTime } from "../support/lookups.ts";
import { service, startThreeMembers } from "../support/three-members.ts";

test("nobody notices that the leadership moves around, nor that members are defragmented meanwhile", async () => {
  await using trio = await startThreeMembers();
  const { clients, etcd } = trio;
  const before = await trio.created();
  const told = clients.map(({ follower }) => follower.told.length);
  const lookups = clients.map(({ discovery }) => lookUpAllTheTime(discovery, service));
  const [first] = clients;
  let weight = 1;
  for (const member of etcd.members) {
    await etcd.moveLeader(member === (await etcd.leader()) ? undefined : member);
    weight += 1;
    await first?.registration.update({ weight });
  }
  await etcd.defragment();
  weight += 1;
  await first?.registration.update({ weight });
  await Promise.all(clients.map(({ follower }) => follower.agrees(etcd)));

  for (const each of lookups) await each.stop();
  const slowestMs = Math.max(...lookups.map((each) => each.slowestMs));
  console.log(`the slowest lookup took ${Math.round(slowestMs)} ms`);
  expect(lookups.flatMap(({ failures }) => failures)).toEqual([]);
  expect(slowestMs).toBeLessThan(2_500);
  expect(clients.map(({ states }) => states)).toEqual(clients.map(() => []));
  expect(await trio.created()).toEqual(before);
  for (const [i, { follower }] of clients.entries()) {
    const since = follower.events.slice(told[i]);
    expect(since.map(({ type }) => type)).toEqual(since.map(() => "update"));
    expect(since.at(-1)?.host.weight).toBe(weight);
  }
});
