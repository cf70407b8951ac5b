import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { startThreeMembers } from "../support/three-members.ts";

/** How many writes that could be of a record this member has carried out, or refused. */
async function writes(endpoint: string): Promise<number> {
  const stats = (await (await fetch(`${endpoint}/v2/stats/store`)).json()) as Record<
    string,
    number
  >;
  return ["setsSuccess", "setsFail", "compareAndSwapSuccess", "compareAndSwapFail"]
    .map((name) => stats[name] ?? 0)
    .reduce((one, other) => one + other);
}

test("an update that lay in a member of etcd that hung does not undo the later one when it wakes", async () => {
  // No host is refreshed meanwhile.
  await using trio = await startThreeMembers({ client: { api: 2, ttlSeconds: 60 } });
  const leader = await trio.etcd.leader();
  const client = trio.clients.find(({ member }) => member !== leader);
  if (client === undefined) throw new Error("there are two");
  const { member, registration, states } = client;
  const told = trio.clients.map(({ follower }) => follower.told.length);
  member.pause();
  await registration.update({ weight: 1 });
  await registration.update({ weight: 2 });
  const before = await writes(leader.endpoint);
  member.resume();
  // What lay in its sockets is as new to it as anything.
  await eventually(async () => (await writes(leader.endpoint)) > before, 10_000, 20);
  await Promise.all(trio.clients.map(({ follower }) => follower.agrees(trio.raw(), 10_000)));
  expect(states).toEqual([]);
  const update = `update ${registration.uuid}`;
  expect(trio.clients.map(({ follower }, i) => follower.told.slice(told[i]))).toEqual(
    trio.clients.map(() => [update, update]),
  );
}, 60_000);
