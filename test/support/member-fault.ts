import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { EtcdMember } from "../../src/testing/index.ts";
import { lookUpAllTheTime } from "./lookups.ts";
import { service, servedAfter, type ThreeMembers } from "./three-members.ts";

/** A lookup takes no longer than this, whatever happens to one of three members. */
const slowestMs = 2_500;

/**
 * Does something to one of three members and sees to it that nobody notices: lookups are answered
 * in time, no registration flaps, and followers are told what really happens meanwhile (a host
 * comes, another changes) and nothing else. Returns how long the slowest lookup took, and how long
 * etcd itself did not serve.
 *
 * @param ownMs how much of the slowest is ours, where lookups have to wait until etcd has a leader
 */
export async function nobodyNotices(
  trio: ThreeMembers,
  victim: EtcdMember,
  begin: () => unknown,
  forMs: number,
  ownMs?: number | undefined,
): Promise<{ readonly slowestMs: number; readonly unservedMs: number }> {
  const { clients, etcd } = trio;
  const others = etcd.members.filter((member) => member !== victim);
  const before = await trio.created(victim);
  const toldBefore = clients.map(({ follower }) => follower.told.length);
  const lookups = clients.map(({ discovery }) => lookUpAllTheTime(discovery, service));
  const begunAt = performance.now();
  await begin();
  const unservedMs = await servedAfter(others);

  const [first, second] = clients;
  if (first === undefined || second === undefined) throw new Error("there are three");
  await first.registration.update({ weight: 7 });
  const newcomer = second.discovery.register(service, { hostname: "new", ports: { http: 80 } });
  await newcomer.waitRegistration();
  const told = [`update ${first.registration.uuid}`, `up ${newcomer.uuid}`];
  await sleep(forMs - (performance.now() - begunAt));

  for (const each of lookups) await each.stop();
  const slowest = Math.max(...lookups.map((each) => each.slowestMs));
  expect(lookups.flatMap(({ failures }) => failures)).toEqual([]);
  expect(slowest).toBeLessThan(
    ownMs === undefined ? slowestMs : Math.max(slowestMs, unservedMs + ownMs),
  );
  expect(clients.map(({ states }) => states)).toEqual(clients.map(() => []));
  expect(clients.map(({ follower }, i) => follower.told.slice(toldBefore[i]))).toEqual(
    clients.map(() => told),
  );
  for (const { follower } of clients) follower.check();
  const after = await trio.created(victim);
  expect([...after].filter(([key]) => before.has(key))).toEqual([...before]);
  await newcomer.unregister();
  await first.registration.update({ weight: 1 });
  await Promise.all(clients.map(({ follower }) => follower.agrees(trio.raw(victim))));
  return { slowestMs: Math.round(slowest), unservedMs: Math.round(unservedMs) };
}
