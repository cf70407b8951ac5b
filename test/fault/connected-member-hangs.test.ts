import { expect, test } from "vitest";
import { nobodyNotices } from "../support/member-fault.ts";
import { startThreeMembers } from "../support/three-members.ts";

test("nobody notices when the leader, one of three members, hangs: not even who is connected to it", async () => {
  await using trio = await startThreeMembers({
    etcd: { args: ["--heartbeat-interval=50", "--election-timeout=500"] },
    client: { ttlSeconds: 3 },
  });
  const leader = await trio.etcd.leader();
  await nobodyNotices(trio, leader, () => leader.pause(), 4_500);
  const deserted = trio.clients.find(({ member }) => member === leader);
  expect(deserted?.discovery.health().etcd.endpoint).not.toBe(leader.endpoint);
});
