import { expect, test } from "vitest";
import { manualClock } from "../../../src/testing/index.ts";
import { clientOf, patiently, reasonOf, record } from "../../support/etcd2-client.ts";
import { eventually } from "../../support/eventually.ts";
import { type ScriptedRequest, ScriptedHttpServer } from "../../support/scripted-http-server.ts";

const headers = {
  "content-type": "application/json",
  "x-etcd-index": "7",
  "x-etcd-cluster-id": "c0ffee",
};

const eventAt = (index: number, value = "v"): string => {
  const node = { key: "/a/b", value, modifiedIndex: index, createdIndex: index };
  return `${JSON.stringify({ action: "set", node })}\n`;
};

/** Accepts polls, which the test then goes on with by hand, and answers everything else. */
function polls(): { script: (request: ScriptedRequest) => void; open: ScriptedRequest[] } {
  const open: ScriptedRequest[] = [];
  return {
    open,
    script: (request) => {
      if (request.url.includes("wait=true")) {
        open.push(request);
        request.response.writeHead(200, headers).flushHeaders();
      } else if (request.url === "/v2/members/leader") request.json(200, { id: "1" });
      else {
        const node = { key: "/a", dir: true, modifiedIndex: 3, createdIndex: 3 };
        request.json(200, { action: "get", node }, { "x-etcd-index": "7" });
      }
    },
  };
}

const questions = ({ requests }: ScriptedHttpServer): number =>
  requests.filter(({ url }) => url === "/v2/members/leader").length;

test("events come in order, wherever their lines are split", async () => {
  const { script, open } = polls();
  await using server = await ScriptedHttpServer.start(script);
  await using client = clientOf([server.origin]);
  using poll = record(client, { key: "/a", recursive: true, from: 8 });
  await eventually(() => poll.opened.length === 1);
  expect(poll.opened).toEqual([7]);
  expect(open[0]?.url).toBe("/v2/keys/a?wait=true&stream=true&recursive=true&waitIndex=8");
  const text = Buffer.from(eventAt(8, "grün") + eventAt(9, "😀") + eventAt(10));
  for (const byte of text) {
    await new Promise((resolve) => open[0]?.response.write(Buffer.of(byte), resolve));
  }
  open[0]?.response.write(eventAt(11) + eventAt(12));
  await eventually(() => poll.events.length === 5);
  expect(poll.events.map(({ node }) => node.modifiedIndex)).toEqual([8, 9, 10, 11, 12]);
  expect(poll.events.map(({ node }) => node.value)).toEqual(["grün", "😀", "v", "v", "v"]);
  expect(poll.events.every(({ index }) => index === 7)).toBe(true);
  expect(client.status.revision).toBe(12);
  open[0]?.response.end();
  await eventually(() => poll.ends.length === 1);
  expect(poll.ends).toEqual([undefined]);
});

test("one event alone, without a stream, ends the poll in order", async () => {
  const { script, open } = polls();
  await using server = await ScriptedHttpServer.start(script);
  await using client = clientOf([server.origin]);
  using poll = record(client, { key: "/a", recursive: false, from: 3, stream: false });
  await eventually(() => poll.opened.length === 1);
  expect(open[0]?.url).toBe("/v2/keys/a?wait=true&waitIndex=3");
  open[0]?.response.end(eventAt(3).trim());
  await eventually(() => poll.ends.length === 1);
  expect(poll.events).toHaveLength(1);
  expect(poll.ends).toEqual([undefined]);
});

test.each([
  ["no JSON", "<html>\n"],
  ["no node", '{"action":"set"}\n'],
  ["no action", '{"node":{"key":"/a","modifiedIndex":1,"createdIndex":1}}\n'],
  ["no index", '{"action":"set","node":{"key":"/a"}}\n'],
  ["no key", '{"action":"set","node":{"modifiedIndex":1,"createdIndex":1}}\n'],
])("an event with %s ends the poll, and the endpoint is left", async (_what, line) => {
  const { script, open } = polls();
  await using server = await ScriptedHttpServer.start(script);
  await using client = clientOf([server.origin]);
  using poll = record(client, { key: "/a", recursive: true, from: 8 });
  await eventually(() => poll.opened.length === 1);
  open[0]?.response.write(eventAt(8) + line + eventAt(9));
  await eventually(() => poll.ends.length === 1);
  expect(poll.events).toHaveLength(1);
  expect(poll.ends[0]).toMatchObject({ code: "UNAVAILABLE" });
  expect(client.status.endpoint).toBeUndefined();
});

test("that the history is gone is etcd's word, and no endpoint's fault", async () => {
  await using server = await ScriptedHttpServer.start((request) =>
    request.json(400, { errorCode: 401, message: "The event is outdated", index: 2_000 }),
  );
  await using client = clientOf([server.origin]);
  using poll = record(client, { key: "/a", recursive: true, from: 8 });
  await eventually(() => poll.ends.length === 1);
  expect(poll.opened).toEqual([]);
  expect(poll.ends[0]).toMatchObject({ errorCode: 401, index: 2_000 });
  expect(client.status.endpoint).toBe(server.origin);
});

test("a poll ends when its endpoint is left because of a call, and the next one is on another", async () => {
  const first = polls();
  const second = polls();
  await using one = await ScriptedHttpServer.start(first.script);
  await using other = await ScriptedHttpServer.start(second.script);
  await using client = clientOf([one.origin, other.origin]);
  using poll = record(client, { key: "/a", recursive: true, from: 8 });
  using twin = record(client, { key: "/a", recursive: true, from: 8 });
  await eventually(() => poll.opened.length === 1 && twin.opened.length === 1);
  one.script = (request) => request.json(503, { message: "no leader" });
  await client.call("read", { method: "GET", key: "/a" }, patiently);
  await eventually(() => poll.ends.length === 1 && twin.ends.length === 1);
  expect(poll.ends[0]).toMatchObject({ code: "UNAVAILABLE" });
  using next = record(client, { key: "/a", recursive: true, from: 8 });
  await eventually(() => next.opened.length === 1);
  expect(second.open).toHaveLength(1);
  expect(client.status.endpoint).toBe(other.origin);
});

test("a poll that is cut off ends with an error, once", async () => {
  const { script, open } = polls();
  await using server = await ScriptedHttpServer.start(script);
  await using client = clientOf([server.origin]);
  using poll = record(client, { key: "/a", recursive: true, from: 8 });
  await eventually(() => poll.opened.length === 1);
  open[0]?.response.write(eventAt(8));
  await eventually(() => poll.events.length === 1);
  open[0]?.socket.destroy();
  await eventually(() => poll.ends.length === 1);
  expect(poll.ends[0]).toMatchObject({ code: "UNAVAILABLE" });
});

test("a poll that is closed is told nothing more, and its connection is gone", async () => {
  const { script, open } = polls();
  await using server = await ScriptedHttpServer.start(script);
  await using client = clientOf([server.origin]);
  using poll = record(client, { key: "/a", recursive: true, from: 8 });
  using early = record(client, { key: "/a", recursive: true, from: 8 });
  early.close();
  await eventually(() => poll.opened.length === 1);
  open[0]?.response.write(eventAt(8));
  poll.close();
  await eventually(() => server.open === 0);
  expect([poll.events, poll.ends, early.opened, early.ends]).toEqual([[], [], [], []]);
});

test("an endpoint that accepts no poll in time is left", async () => {
  await using server = await ScriptedHttpServer.start(() => {});
  const clock = manualClock();
  await using client = clientOf([server.origin], { clock });
  using poll = record(client, { key: "/a", recursive: true, from: 8 });
  await eventually(() => server.requests.length === 1);
  await clock.advance(3_000);
  // It may be the poll that takes long.
  await eventually(() => questions(server) === 1);
  expect(poll.ends).toEqual([]);
  await clock.advance(1_000);
  await eventually(() => poll.ends.length === 1);
  expect(poll.ends[0]).toMatchObject({ code: "UNAVAILABLE" });
  expect(client.status.failure).toBeDefined();
});

test("a poll that is not accepted, by an endpoint that answers all else, is given up in the end", async () => {
  await using server = await ScriptedHttpServer.start((request) => {
    if (request.url === "/v2/members/leader") request.json(200, { id: "1" });
  });
  const clock = manualClock();
  await using client = clientOf([server.origin], { clock });
  using poll = record(client, { key: "/a", recursive: true, from: 8 });
  await eventually(() => server.requests.length === 1);
  await clock.advance(3_000);
  await eventually(() => client.status.answeredAt === 3_000);
  await clock.advance(2_000);
  await eventually(() => poll.ends.length === 1);
  expect(poll.ends[0]).toMatchObject({ code: "TIMEOUT" });
  expect(client.status).toMatchObject({ endpoint: server.origin, failure: undefined });
  expect(clock.timers).toBe(0);
});

test("while there are polls alone, a member that falls silent is found out, and left", async () => {
  const { script } = polls();
  await using server = await ScriptedHttpServer.start(script);
  const clock = manualClock();
  await using client = clientOf([server.origin], { clock });
  using poll = record(client, { key: "/a", recursive: true, from: 8 });
  await eventually(() => poll.opened.length === 1);
  await clock.advance(2_999);
  expect(questions(server)).toBe(0);
  // It is asked for a sign of life, gives one, and is asked again.
  await clock.advance(1);
  await eventually(() => client.status.answeredAt === 3_000);
  expect(questions(server)).toBe(1);
  expect(poll.ends).toEqual([]);
  server.script = () => {};
  await clock.advance(3_000);
  await eventually(() => questions(server) === 2);
  await clock.advance(999);
  expect(poll.ends).toEqual([]);
  await clock.advance(1);
  await eventually(() => poll.ends.length === 1);
  expect(client.status.failure?.message).toContain("gave no answer within 1000 ms");
  expect(clock.timers).toBe(0);
});

test("a member that has lost its leader is left, though it keeps its polls", async () => {
  const { script } = polls();
  await using server = await ScriptedHttpServer.start((request) => {
    if (request.url === "/v2/members/leader") request.json(503, { message: "During election" });
    else script(request);
  });
  const clock = manualClock();
  await using client = clientOf([server.origin], { clock });
  using poll = record(client, { key: "/a", recursive: true, from: 8 });
  await eventually(() => poll.opened.length === 1);
  await clock.advance(3_000);
  await eventually(() => poll.ends.length === 1);
  expect(poll.ends[0]).toMatchObject({ code: "UNAVAILABLE" });
  expect(client.status.failure?.message).toContain("During election");
});

test("a member is not asked for a sign of life while events come", async () => {
  const { script, open } = polls();
  await using server = await ScriptedHttpServer.start(script);
  const clock = manualClock();
  await using client = clientOf([server.origin], { clock });
  using poll = record(client, { key: "/a", recursive: true, from: 8 });
  await eventually(() => poll.opened.length === 1);
  for (let index = 8; index < 12; index += 1) {
    await clock.advance(2_000);
    open[0]?.response.write(eventAt(index));
    await eventually(() => poll.events.length === index - 7);
  }
  expect(server.requests).toHaveLength(1);
  // Nobody has to be asked when nobody polls.
  poll.close();
  expect(clock.timers).toBe(0);
});

test("an index that went back, or another cluster, is told; a member that only lags is not", async () => {
  const told: Error[] = [];
  let index = 100;
  let cluster = "a";
  await using server = await ScriptedHttpServer.start((request) => {
    const node = { key: "/a", value: "v", modifiedIndex: 3, createdIndex: 3 };
    const more = { "x-etcd-index": String(index), "x-etcd-cluster-id": cluster };
    if (request.url.includes("wait=true")) {
      request.response.writeHead(200, { ...headers, ...more, "x-etcd-index": "50" }).flushHeaders();
    } else request.json(200, { action: "get", node }, more);
  });
  await using client = clientOf([server.origin], { onReplaced: (error) => told.push(error) });
  const get = { method: "GET", key: "/a" } as const;
  await client.call("read", get, patiently);
  expect(client.status.revision).toBe(100);

  using lagging = record(client, { key: "/a", recursive: true, from: 8 });
  await eventually(() => lagging.opened.length === 1);
  // The doubt was put to all members.
  await eventually(() => server.requests.length === 3);
  expect(server.requests[2]?.url).toBe("/v2/keys/a?quorum=true");
  await client.call("read", get, patiently);
  expect(told).toEqual([]);

  index = 60;
  using behind = record(client, { key: "/a", recursive: true, from: 8 });
  await eventually(() => told.length === 1);
  expect(String(told[0])).toContain("60 came after 100");
  expect(client.status.revision).toBe(60);

  cluster = "b";
  await client.call("read", get, patiently);
  expect(told).toHaveLength(2);
  expect(String(told[1])).toContain("another cluster");
  behind.close();
});

test("that an index is 0 where etcd did not look says nothing of its history", async () => {
  const told: Error[] = [];
  await using server = await ScriptedHttpServer.start((request) => {
    const { index } = request;
    if (index === 0) {
      const node = { key: "/a", modifiedIndex: 3, createdIndex: 3 };
      request.json(200, { action: "get", node }, { "x-etcd-index": "9" });
    } else {
      const body = { errorCode: index === 1 ? 110 : 209, message: "no", index: 0 };
      request.json(index === 1 ? 401 : 400, body, { "x-etcd-index": "0" });
    }
  });
  await using client = clientOf([server.origin], { onReplaced: (error) => told.push(error) });
  const get = { method: "GET", key: "/a" } as const;
  await client.call("read", get, patiently);
  await reasonOf(client.call("read", get, patiently));
  await reasonOf(client.call("read", get, patiently));
  expect(told).toEqual([]);
});
