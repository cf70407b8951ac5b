import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { EtcdMember } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { lookUpAllTheTime } from "../support/lookups.ts";
import { service, startThreeMembers } from "../support/three-members.ts";

/** As an upgrade does it. */
async function stopGently(member: EtcdMember): Promise<void> {
  const { pid } = member;
  if (pid === undefined) return;
  process.kill(pid, "SIGTERM");
  await eventually(() => member.pid === undefined, 20_000);
}

test("members are stopped and started again one after the other, as for an upgrade, and nobody notices", async () => {
  await using trio = await startThreeMembers();
  const { clients, etcd } = trio;
  const before = await trio.created();
  const told = clients.map(({ follower }) => follower.told.length);
  const lookups = clients.map(({ discovery }) => lookUpAllTheTime(discovery, service));
  let weight = 1;
  for (const member of etcd.members) {
    await stopGently(member);
    weight += 1;
    await clients[0]?.registration.update({ weight });
    await member.restart();
    await etcd.leader();
    await sleep(2_000);
  }
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
