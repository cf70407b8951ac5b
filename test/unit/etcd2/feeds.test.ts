import { expect, onTestFinished, test } from "vitest";
import { silentLogger } from "../../../src/logger.ts";
import type { Follower } from "../../../src/store/etcd2/feed.ts";
import { Feeds } from "../../../src/store/etcd2/feeds.ts";
import { manualClock } from "../../../src/testing/index.ts";
import { clientOf } from "../../support/etcd2-client.ts";
import { eventually } from "../../support/eventually.ts";
import { ScriptedHttpServer } from "../../support/scripted-http-server.ts";

/** Feeds of a server that accepts each poll, and tells one event at index 8 to those from there on. */
async function stage() {
  const server = await ScriptedHttpServer.start(({ response, url }) => {
    response.writeHead(200, { "content-type": "application/json", "x-etcd-index": "7" });
    const node = { key: "/a", value: "v", modifiedIndex: 8, createdIndex: 8 };
    response.flushHeaders();
    if (url.includes("waitIndex=8")) response.write(`${JSON.stringify({ action: "set", node })}\n`);
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const clock = manualClock();
  const client = clientOf([server.origin], { clock });
  onTestFinished(() => client.close());
  const feeds = new Feeds(client, clock, silentLogger);
  const told: string[] = [];
  const follower = (name: string, patient: boolean): Follower => ({
    from: 8,
    patient,
    opened: () => void told.push(`${name}: open`),
    event: ({ node }) => void told.push(`${name}: ${node.modifiedIndex}`),
    interrupted: () => {},
    ended: () => {},
  });
  return { clock, feeds, follower, server, told };
}

test("a patient follower is told of what happened meanwhile, by a poll that begins a moment later", async () => {
  const { clock, feeds, follower, server, told } = await stage();
  feeds.follow("/a", follower("own", true));
  await clock.advance(99);
  expect(server.sockets).toHaveLength(0);
  await clock.advance(1);
  await eventually(() => told.length === 2);
  expect(told).toEqual(["own: open", "own: 8"]);
  expect(server.requests.map(({ url }) => url)).toEqual([
    "/v2/keys/a?wait=true&stream=true&recursive=true&waitIndex=8",
  ]);
});

test("one that is in a hurry has the poll begin at once, for all", async () => {
  const { clock, feeds, follower, server, told } = await stage();
  feeds.follow("/a", follower("own", true));
  await clock.advance(10);
  feeds.follow("/a", follower("hurried", false));
  await eventually(() => told.length === 4);
  expect(told).toEqual(["own: open", "hurried: open", "own: 8", "hurried: 8"]);
  await clock.advance(1_000);
  expect(server.requests).toHaveLength(1);
  // And who comes later finds it open.
  feeds.follow("/a", { ...follower("late", true), from: 9 });
  await eventually(() => told.length === 5);
  expect(told.at(-1)).toBe("late: open");
});

test("one that leaves before its time has cost no poll, and leaves no timer", async () => {
  const { clock, feeds, follower, server } = await stage();
  const before = clock.timers;
  const leave = feeds.follow("/a", follower("own", true));
  expect(clock.timers).toBe(before + 1);
  leave();
  expect(clock.timers).toBe(before);
  await clock.advance(1_000);
  expect(server.sockets).toHaveLength(0);
});
