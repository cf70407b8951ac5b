import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mostCalls, mostUrgentCalls } from "../../src/store/etcd2/http-channel.ts";
import { isKeysError } from "../../src/store/etcd2/keys-api.ts";
import { type EtcdCluster, startEtcd, startProxy } from "../../src/testing/index.ts";
import { clientOf, patiently, reasonOf, record } from "../support/etcd2-client.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";

let etcd: EtcdCluster;
let raw: RawEtcdV2;

beforeAll(async () => {
  etcd = await startEtcd({ args: ["--enable-v2"] });
  raw = new RawEtcdV2(etcd.endpoint);
});

afterAll(() => etcd.stop());

const get = (key: string) => ({ method: "GET", key }) as const;
const put = (key: string, value: string) =>
  ({ method: "PUT", key, parameters: { value } }) as const;
const remove = (key: string) => ({ method: "DELETE", key }) as const;

/** A call that may not be made twice. */
const once = { timeoutMs: 10_000, repeatable: false };

/** How many sockets keep this process alive. */
const holding = (): number =>
  process.getActiveResourcesInfo().filter((name) => name.startsWith("TCPSocketWrap")).length;

describe("requests", () => {
  test.each(["/a b", "/100%", "/%2F", "/ü/😀", "/?", "/#x", "/a&b=c;d+e", "/a\\b", "/..a/.b"])(
    "a key is what it is, whatever is in it: %s",
    async (end) => {
      await using client = clientOf([etcd.endpoint]);
      const key = `/keys${end}`;
      const value = `+ &=%?#"\\\n ${end}`;
      const written = await client.call("write", put(key, value), once);
      expect(written).toMatchObject({ action: "set", node: { key, value } });
      expect((await raw.get(key))?.value).toBe(value);
      expect((await client.call("read", get(key), patiently)).node).toEqual(written.node);
      const gone = await client.call("delete", remove(key), once);
      expect(gone).toMatchObject({ action: "delete", node: { key }, prevNode: { key, value } });
      expect(gone.node.value).toBeUndefined();
      expect(await raw.get(key)).toBeUndefined();
    },
  );

  test("a listing has directories, values and times to live", async () => {
    await using client = clientOf([etcd.endpoint]);
    await raw.put("/list/a", "");
    await raw.put("/list/b", "v", 60);
    await raw.put("/list/c/d", "w");
    const parameters = { recursive: "true", sorted: "true" };
    const request = { method: "GET", key: "/list", parameters } as const;
    const { action, node, index } = await client.call("read", request, patiently);
    expect(action).toBe("get");
    expect(node).toMatchObject({ key: "/list", dir: true });
    expect(node.nodes).toMatchObject([
      { key: "/list/a", value: "" },
      { key: "/list/b", value: "v", ttl: 60 },
      { key: "/list/c", dir: true, nodes: [{ key: "/list/c/d", value: "w" }] },
    ]);
    expect(index).toBe(await raw.index());
    expect(client.status).toMatchObject({ endpoint: etcd.endpoint, revision: index });
  });

  test("the root can be read, too", async () => {
    await using client = clientOf([etcd.endpoint]);
    const { node } = await client.call("read", get("/"), patiently);
    expect(node).toMatchObject({ key: "/", dir: true });
  });

  test("etcd's word about the keys is told as such", async () => {
    await using client = clientOf([etcd.endpoint]);
    await raw.put("/errors/a", "v");
    const refused = async (key: string, method: "PUT" | "GET" | "DELETE", parameters = {}) =>
      reasonOf(client.call("try", { method, key, parameters }, once));
    const index = await raw.index();
    expect(await refused("/errors/none", "GET")).toMatchObject({ errorCode: 100, index });
    const other = { value: "w", prevIndex: "1" };
    expect(await refused("/errors/a", "PUT", other)).toMatchObject({ errorCode: 101, index });
    expect(await refused("/errors", "PUT", { value: "w" })).toMatchObject({ errorCode: 102 });
    expect(await refused("/errors/a/b", "PUT", { value: "w" })).toMatchObject({ errorCode: 104 });
    const absent = { value: "w", prevExist: "false" };
    expect(await refused("/errors/a", "PUT", absent)).toMatchObject({ errorCode: 105 });
    const invalid = { value: "w", ttl: "soon" };
    expect(await refused("/errors/a", "PUT", invalid)).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(client.status.endpoint).toBe(etcd.endpoint);
  });

  test("a thousand at once share a few connections, which do not keep the process alive", async () => {
    await using proxy = await startProxy(etcd.endpoint);
    await using client = clientOf([proxy.endpoint]);
    const before = holding();
    const puts = Array.from({ length: 1_000 }, (_, i) =>
      client.call("write", put(`/many/${i}`, "v"), patiently),
    );
    await eventually(() => proxy.open > 0);
    const from = (await raw.index()) + 100_000;
    using poll = record(client, { key: "/many", recursive: true, from });
    // What the proxy itself has open holds nothing, either.
    expect(holding()).toBeLessThanOrEqual(before);
    // By now connections are used again.
    await Promise.all(puts.slice(0, 200));
    expect(holding()).toBeLessThanOrEqual(before);
    await Promise.all(puts);
    await eventually(() => poll.opened.length === 1);
    await client.call("read", get("/many/1"), patiently);
    expect(proxy.connections).toBeLessThanOrEqual(mostCalls + mostUrgentCalls + 2);
    expect(holding()).toBeLessThanOrEqual(before);
    await client.close();
    await eventually(() => proxy.open === 0);
    expect(poll.ends).toEqual([]);
  }, 60_000);
});

describe("polls", () => {
  test("tell what happens from an index on, and again to whoever polls as well", async () => {
    await using client = clientOf([etcd.endpoint]);
    const from = (await raw.index()) + 1;
    using poll = record(client, { key: "/poll a", recursive: true, from });
    await eventually(() => poll.opened.length === 1);
    expect(poll.opened).toEqual([from - 1]);
    await raw.put("/poll a/b", "1");
    await raw.put("/poll a/b", "2", 60);
    await raw.put("/elsewhere", "3");
    await raw.refresh("/poll a/b", 60);
    await raw.delete("/poll a/b");
    await eventually(() => poll.events.length === 3);
    expect(poll.events).toMatchObject([
      { action: "set", node: { key: "/poll a/b", value: "1", modifiedIndex: from } },
      { action: "set", node: { value: "2", ttl: 60, modifiedIndex: from + 1 } },
      { action: "delete", prevNode: { value: "2" }, node: { modifiedIndex: from + 4 } },
    ]);
    expect(client.status.revision).toBe(from + 4);

    // Of the past etcd tells the first event alone, and then nothing.
    using second = record(client, { key: "/poll a", recursive: true, from: from + 1 });
    await eventually(() => second.events.length === 1);
    expect(second.opened).toEqual([from + 4]);
    expect(second.events).toMatchObject([{ node: { modifiedIndex: from + 1 } }]);
    using third = record(client, {
      key: "/poll a",
      recursive: true,
      from: from + 2,
      stream: false,
    });
    await eventually(() => third.ends.length === 1);
    expect(third.events).toMatchObject([{ node: { modifiedIndex: from + 4 } }]);
    expect(third.ends).toEqual([undefined]);

    await raw.put("/poll a/c", "4");
    await eventually(() => poll.events.length === 4);
    expect(poll.ends).toEqual([]);
  });

  test("from an index of which etcd has forgotten what followed end with 401", async () => {
    await using client = clientOf([etcd.endpoint]);
    const from = (await raw.index()) + 1;
    await raw.put("/forgotten", "v");
    for (let i = 0; i < 11; i += 1) {
      const puts = Array.from({ length: 100 }, (_, j) =>
        client.call("write", put(`/noise/${j}`, String(i)), patiently),
      );
      await Promise.all(puts);
    }
    using poll = record(client, { key: "/forgotten", recursive: true, from });
    await eventually(() => poll.ends.length === 1);
    expect(isKeysError(poll.ends[0], 401)).toBe(true);
    expect([poll.opened, poll.events]).toEqual([[], []]);
  });
});

describe("fail-over", () => {
  test("calls and polls move on from an endpoint that refuses, cuts or stalls", async () => {
    await using first = await startProxy(etcd.endpoint);
    await using second = await startProxy(etcd.endpoint);
    await using client = clientOf([first.endpoint, second.endpoint]);
    await client.reach(patiently);
    expect(client.status.endpoint).toBe(first.endpoint);
    using poll = record(client, { key: "/x", recursive: true, from: (await raw.index()) + 1 });
    await eventually(() => poll.opened.length === 1);

    first.refuse();
    await client.call("write", put("/x/1", "v"), patiently);
    expect(client.status.endpoint).toBe(second.endpoint);
    await eventually(() => poll.ends.length === 1);
    expect(poll.ends[0]).toMatchObject({ code: "UNAVAILABLE" });

    first.heal();
    using moved = record(client, { key: "/x", recursive: true, from: (await raw.index()) + 1 });
    await eventually(() => moved.opened.length === 1);
    second.stall();
    await client.call("write", put("/x/2", "v"), patiently);
    expect(client.status.endpoint).toBe(first.endpoint);
    await eventually(() => moved.ends.length === 1);
    expect(moved.ends[0]).toBeInstanceOf(Error);
  });

  test("a poll on a connection that fell silent ends when the silence of its endpoint is noticed", async () => {
    await using first = await startProxy(etcd.endpoint);
    await using second = await startProxy(etcd.endpoint);
    await using client = clientOf([first.endpoint, second.endpoint]);
    using poll = record(client, { key: "/x", recursive: true, from: (await raw.index()) + 1 });
    await eventually(() => poll.opened.length === 1);
    first.stall();
    await eventually(() => poll.ends.length === 1, 8_000);
    await client.call("read", get("/"), patiently);
    expect(client.status.endpoint).toBe(second.endpoint);
  }, 15_000);

  test("nothing there at all is unavailable in time, and the next call finds it back", async () => {
    await using proxy = await startProxy(etcd.endpoint);
    await using client = clientOf([proxy.endpoint]);
    proxy.refuse();
    const startedAt = performance.now();
    const error = await reasonOf(client.call("read", get("/"), { ...patiently, timeoutMs: 300 }));
    expect(performance.now() - startedAt).toBeLessThan(1_300);
    expect(error).toMatchObject({ code: "UNAVAILABLE", retryable: true });
    expect(client.status.endpoint).toBeUndefined();
    expect(client.status.failure).toBeInstanceOf(Error);
    proxy.heal();
    await client.call("read", get("/"), patiently);
    expect(client.status).toMatchObject({ endpoint: proxy.endpoint, failure: undefined });
  });

  test("connections that were cut while nobody used them harm no call", async () => {
    await using proxy = await startProxy(etcd.endpoint);
    await using client = clientOf([proxy.endpoint]);
    for (let i = 0; i < 20; i += 1) {
      await Promise.all([1, 2, 3].map(() => client.call("read", get("/"), patiently)));
      proxy.cut();
    }
    expect(await client.call("read", get("/"), patiently)).toMatchObject({ action: "get" });
  });

  test("another etcd behind the same address is noticed", async () => {
    await using other = await startEtcd({ args: ["--enable-v2"] });
    await using proxy = await startProxy(etcd.endpoint);
    const told: Error[] = [];
    await using client = clientOf([proxy.endpoint], { onReplaced: (error) => told.push(error) });
    await client.call("read", get("/"), patiently);
    proxy.redirect(other.endpoint);
    // What it tells by itself is enough to know.
    using poll = record(client, { key: "/x", recursive: true, from: 1 });
    await eventually(() => told.length === 1);
    expect(String(told[0])).toContain("another cluster");
    expect(poll.ends.length).toBeLessThanOrEqual(1);
  });
});

describe("where the v2 API is not served", () => {
  test("one clear error, at once; when etcd serves it, all is well", async () => {
    await using without = await startEtcd();
    await using proxy = await startProxy(without.endpoint);
    await using client = clientOf([proxy.endpoint]);
    using poll = record(client, { key: "/x", recursive: true, from: 1 });
    for (let i = 0; i < 3; i += 1) {
      const startedAt = performance.now();
      const error = await reasonOf(client.call('write "/x"', put("/x", "v"), patiently));
      // Not when its time is up.
      expect(performance.now() - startedAt).toBeLessThan(5_000);
      expect(error).toMatchObject({ code: "UNAVAILABLE" });
      expect(String(error)).toContain(proxy.endpoint);
      expect(String(error)).toMatch(/--enable-v2.*3\.5.*api: 3/);
    }
    expect(String(await reasonOf(client.reach(patiently)))).toContain("--enable-v2");
    await eventually(() => poll.ends.length === 1);
    expect(String(poll.ends[0])).toContain("--enable-v2");
    expect(client.status.failure?.message).toContain("--enable-v2");
    proxy.redirect(etcd.endpoint);
    await eventually(async () => {
      await client.reach(patiently);
      return true;
    });
    expect(client.status).toMatchObject({ endpoint: proxy.endpoint, failure: undefined });
  });

  test("a member that serves it is found among others", async () => {
    await using without = await startEtcd();
    await using client = clientOf([without.endpoint, etcd.endpoint]);
    await client.call("write", put("/y", "v"), once).catch(() => {});
    await client.call("write", put("/y", "v"), patiently);
    expect(client.status.endpoint).toBe(etcd.endpoint);
  });
});
