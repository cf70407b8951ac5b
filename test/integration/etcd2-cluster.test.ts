import { expect, test } from "vitest";
import { startEtcd } from "../../src/testing/index.ts";
import { clientOf, patiently, record } from "../support/etcd2-client.ts";
import { eventually } from "../support/eventually.ts";

const get = { method: "GET", key: "/a" } as const;
const put = { method: "PUT", key: "/a", parameters: { value: "v" } } as const;

test("a member that is cut off from the others is left, by polls as well as by calls", async () => {
  await using etcd = await startEtcd({
    size: 3,
    partitionable: true,
    args: ["--enable-v2", "--heartbeat-interval=50", "--election-timeout=500"],
  });
  const leader = await etcd.leader();
  const member = etcd.members.find((each) => each !== leader);
  if (member === undefined) throw new Error("there is no follower");
  const others = etcd.members.filter((each) => each !== member).map(({ endpoint }) => endpoint);
  await using client = clientOf([member.endpoint, ...others]);
  const { index } = await client.call("write", put, patiently);
  const request = { key: "/a", recursive: true, from: index + 1 };
  using poll = record(client, request);
  await eventually(() => poll.opened.length === 1);
  expect(client.status.endpoint).toBe(member.endpoint);

  member.isolate();
  // Nobody calls: it is the watchdog that asks.
  await eventually(() => poll.ends.length === 1, 10_000);
  expect(poll.ends[0]).toMatchObject({ code: "UNAVAILABLE" });
  using next = record(client, request);
  await eventually(() => next.opened.length === 1);
  expect(others).toContain(client.status.endpoint);
  await client.call("write", put, patiently);
  await eventually(() => next.events.length === 1);
  member.rejoin();
}, 60_000);

test("etcd that was killed ends polls and is found again; one that lost its disk is another", async () => {
  await using etcd = await startEtcd({ args: ["--enable-v2"] });
  const told: Error[] = [];
  await using client = clientOf([etcd.endpoint], { onReplaced: (error) => told.push(error) });
  for (let i = 0; i < 20; i += 1) await client.call("write", put, patiently);
  const { index } = await client.call("read", get, patiently);
  using poll = record(client, { key: "/a", recursive: true, from: index + 1 });
  await eventually(() => poll.opened.length === 1);
  const [member] = etcd.members;
  await member?.kill();
  await eventually(() => poll.ends.length === 1);
  expect(poll.ends[0]).toMatchObject({ code: "UNAVAILABLE" });
  await member?.restart();
  using next = record(client, { key: "/a", recursive: true, from: index + 1 });
  await eventually(() => next.opened.length === 1);
  await client.call("write", put, patiently);
  await eventually(() => next.events.length === 1);
  expect(told).toEqual([]);

  await etcd.wipe();
  using after = record(client, { key: "/a", recursive: true, from: index + 1 });
  await eventually(() => told.length === 1);
  expect(String(told[0])).toContain("replaced");
  expect(client.status.revision).toBeLessThan(index);
  after.close();
}, 60_000);
