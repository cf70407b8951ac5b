import { beforeEach, describe, expect, it } from "vitest";

import type { MalformedRecord } from "../../../src/find/find-context.ts";
import { KnownService } from "../../../src/find/known-service.ts";
import { encodeInfo } from "../../../src/model/record.ts";
import type { Listing, StoredRecord, WatchBatch } from "../../../src/store/store.ts";
import { deleteBatch, putBatch, service, show, storedHost } from "./stage.ts";

let known: KnownService;
let malformed: MalformedRecord[];

beforeEach(() => {
  malformed = [];
  known = new KnownService(service, (record) => malformed.push(record));
});

const bytes = (text: string) => new TextEncoder().encode(text);
const listing = (revision: number, ...hosts: readonly StoredRecord[]): Listing => ({
  revision,
  info: undefined,
  hosts,
});
const replace = (reading: Listing) => known.replace(reading).events.map(show);
const apply = (batch: WatchBatch) => known.apply(batch).events.map(show);
const ids = () => known.hosts.map((host) => host.uuid);

function info(revision: number, hostname: string): StoredRecord {
  const record = { user: "", password: "", ports: {}, critical: false, public: true };
  return { id: service, revision, value: encodeInfo({ ...record, name: service, hostname }) };
}

const infoBatch = (stored: StoredRecord): WatchBatch => ({
  revision: stored.revision,
  changes: [{ kind: "put", record: { kind: "info" }, stored }],
});

describe("a reading", () => {
  it("tells the difference to what was known", () => {
    expect(replace(listing(5, storedHost("a", 2), storedHost("b", 3)))).toEqual(["up a", "up b"]);
    expect(replace(listing(9, storedHost("b", 8, { shard: "1" }), storedHost("c", 7)))).toEqual([
      "update b:1",
      "up c",
      "down a (resync)",
    ]);
    expect(ids()).toEqual(["b", "c"]);
  });

  it("keeps the hosts that are the same, also with other revisions", () => {
    replace(listing(5, storedHost("a", 2)));
    const [before] = known.hosts;
    expect(replace(listing(3, storedHost("a", 1)))).toEqual([]);
    expect(known.hosts[0]).toBe(before);
  });

  it("finds another record behind a revision that is the same, as another cluster may have", () => {
    replace(listing(5, storedHost("a", 2)));
    expect(replace(listing(5, storedHost("a", 2, { shard: "1" })))).toEqual(["update a:1"]);
  });

  it("takes the changes after it, though another store's revisions were higher before", () => {
    replace(listing(50, storedHost("a", 40)));
    replace(listing(5, storedHost("a", 4)));
    expect(apply(putBatch("b", 6))).toEqual(["up b"]);
    expect(apply(putBatch("a", 7, { shard: "1" }))).toEqual(["update a:1"]);
    expect(known.revision).toBe(7);
  });

  it("puts a host that could not be read until now after all others, whoever looked before", () => {
    replace(listing(5, { id: "a", revision: 2, value: bytes("{") }, storedHost("b", 3)));
    expect(ids()).toEqual(["b"]);
    apply(putBatch("a", 6));
    expect(ids()).toEqual(["b", "a"]);
    replace(listing(7, storedHost("a", 6), storedHost("b", 3)));
    expect(ids()).toEqual(["b", "a"]);
  });

  it("tells a host that was draining as unregistered", () => {
    replace(listing(5, storedHost("a", 2, { draining: true })));
    expect(replace(listing(6))).toEqual(["down a (unregistered)"]);
  });
});

describe("a change", () => {
  beforeEach(() => {
    replace(listing(10, storedHost("a", 5)));
  });

  it("of a host is told with the host before", () => {
    const [before] = known.hosts;
    const [event] = known.apply(putBatch("a", 11, { weight: 2 })).events;
    expect(event).toMatchObject({ type: "update", host: { weight: 2 } });
    expect(event?.previous).toBe(before);
  });

  it("that writes the same again is none, and keeps the host", () => {
    const [before] = known.hosts;
    expect(apply(putBatch("a", 11))).toEqual([]);
    expect(known.hosts[0]).toBe(before);
    expect(known.revision).toBe(11);
  });

  it("of which the store knows that it writes the same again is not read, unless it is news here", () => {
    const repeated = (id: string, revision: number, read: () => Uint8Array): WatchBatch => ({
      revision,
      changes: [
        {
          kind: "put",
          record: { kind: "host", id },
          unchanged: true,
          stored: {
            id,
            revision,
            get value() {
              return read();
            },
          },
        },
      ],
    });
    replace(listing(5, storedHost("a", 2)));
    const unread = () => {
      throw new Error("it was read");
    };
    expect(apply(repeated("a", 6, unread))).toEqual([]);
    // What it replaces is not told any more.
    expect(apply(putBatch("a", 6, { shard: "1" }))).toEqual([]);
    expect(apply(repeated("b", 7, () => storedHost("b", 7).value))).toEqual(["up b"]);
  });

  it("that was read already is none", () => {
    expect(apply(putBatch("a", 4, { shard: "old" }))).toEqual([]);
    expect(apply(deleteBatch("a", 5))).toEqual([]);
    expect(apply(putBatch("gone", 9))).toEqual([]);
    expect(apply(putBatch("gone", 10))).toEqual([]);
    expect(ids()).toEqual(["a"]);
  });

  it("that comes twice, or again after later ones, is none", () => {
    expect(apply(putBatch("b", 11))).toEqual(["up b"]);
    expect(apply(putBatch("b", 11))).toEqual([]);
    expect(apply(deleteBatch("b", 12))).toEqual(["down b (expired)"]);
    expect(apply(deleteBatch("b", 12))).toEqual([]);
    expect(apply(putBatch("b", 11))).toEqual([]);
    expect(ids()).toEqual(["a"]);
  });

  it("of a host that comes in pieces of one revision is taken whole", () => {
    expect(apply(putBatch("b", 11))).toEqual(["up b"]);
    expect(apply(putBatch("c", 11))).toEqual(["up c"]);
  });

  it("of the info that comes before older ones of hosts does not hide them", () => {
    known.apply(infoBatch(info(12, "x")));
    expect(apply(putBatch("b", 11))).toEqual(["up b"]);
  });

  it("gives the reason of the store, but draining says more", () => {
    const gone = (
      id: string,
      revision: number,
      reason: "unregistered" | "expired",
    ): WatchBatch => ({
      revision,
      changes: [{ kind: "delete", record: { kind: "host", id }, revision, reason }],
    });
    apply(putBatch("b", 11, { draining: true }));
    apply(putBatch("c", 12));
    expect(apply(gone("a", 13, "unregistered"))).toEqual(["down a (unregistered)"]);
    expect(apply(gone("b", 14, "expired"))).toEqual(["down b (unregistered)"]);
    expect(apply(gone("c", 15, "expired"))).toEqual(["down c (expired)"]);
  });

  it("at one revision of several records is one difference", () => {
    const batch: WatchBatch = {
      revision: 11,
      changes: [
        { kind: "put", record: { kind: "host", id: "b" }, stored: storedHost("b", 11) },
        { kind: "put", record: { kind: "info" }, stored: info(11, "x") },
        { kind: "delete", record: { kind: "host", id: "a" }, revision: 11 },
      ],
    };
    const difference = known.apply(batch);
    expect(difference.events.map(show)).toEqual(["up b", "down a (expired)"]);
    expect(difference.infoChanged).toBe(true);
  });
});

describe("a record that cannot be read", () => {
  const poison = (id: string, revision: number): StoredRecord => ({
    id,
    revision,
    value: bytes("{"),
  });

  it("is reported and harms no other", () => {
    expect(replace(listing(5, poison("a", 2), storedHost("b", 3)))).toEqual(["up b"]);
    expect(malformed).toMatchObject([
      { service, kind: "host", id: "a", error: { code: "MALFORMED_RECORD" } },
    ]);
    expect(ids()).toEqual(["b"]);
  });

  it("leaves the last good one, until a good one comes or the record goes", () => {
    replace(listing(5, storedHost("a", 2), storedHost("b", 2)));
    const hosts = known.hosts;
    const put = (stored: StoredRecord) =>
      apply({
        revision: stored.revision,
        changes: [{ kind: "put", record: { kind: "host", id: stored.id }, stored }],
      });
    expect(put(poison("a", 6))).toEqual([]);
    expect(put(poison("b", 7))).toEqual([]);
    expect(known.hosts).toEqual(hosts);
    expect(put(storedHost("a", 8, { shard: "1" }))).toEqual(["update a:1"]);
    expect(apply(deleteBatch("b", 9))).toEqual(["down b (expired)"]);
    expect(malformed).toHaveLength(2);
  });

  it("that was never good comes and goes unseen, and may become good", () => {
    replace(listing(5, poison("a", 2), poison("b", 2)));
    expect(apply(deleteBatch("a", 6))).toEqual([]);
    expect(apply(putBatch("b", 7))).toEqual(["up b"]);
  });

  it("leaves the last good info", () => {
    known.replace({ revision: 5, info: info(2, "good"), hosts: [] });
    const batch = infoBatch({ id: service, revision: 6, value: bytes("null") });
    expect(known.apply(batch).infoChanged).toBe(false);
    expect(known.info?.hostname).toBe("good");
    expect(malformed).toMatchObject([{ kind: "info", id: service }]);
  });
});

describe("the info", () => {
  it("changes when its content does", () => {
    expect(known.replace({ revision: 5, info: info(2, "x"), hosts: [] }).infoChanged).toBe(true);
    const before = known.info;
    expect(known.apply(infoBatch(info(6, "x"))).infoChanged).toBe(false);
    expect(known.info).toBe(before);
    expect(known.apply(infoBatch(info(7, "y"))).infoChanged).toBe(true);
    expect(known.apply(infoBatch(info(6, "x"))).infoChanged).toBe(false);
    expect(known.info?.hostname).toBe("y");
    const gone: WatchBatch = {
      revision: 8,
      changes: [{ kind: "delete", record: { kind: "info" }, revision: 8 }],
    };
    expect(known.apply(gone).infoChanged).toBe(true);
    expect(known.apply(infoBatch(info(7, "y"))).infoChanged).toBe(false);
    expect(known.info).toBeUndefined();
  });
});

describe("a comparison", () => {
  it("names what the reading knows better, with the revision known", () => {
    known.replace({
      revision: 10,
      info: info(2, "x"),
      hosts: [storedHost("a", 5), storedHost("b", 6), storedHost("c", 7)],
    });
    apply(putBatch("new", 12));
    const same = known.behind({
      revision: 11,
      info: info(2, "x"),
      hosts: [storedHost("a", 5), storedHost("b", 6), storedHost("c", 7)],
    });
    expect(same).toEqual(new Map());
    const other = known.behind({
      revision: 11,
      info: undefined,
      hosts: [storedHost("a", 11, { shard: "1" }), storedHost("c", 7), storedHost("d", 11)],
    });
    expect(other).toEqual(
      new Map([
        ["a", 5],
        ["d", 0],
        ["b", 6],
        ["", 2],
      ]),
    );
  });

  it("names what the reading knows to be older, unless that is from before it", () => {
    known.replace({
      revision: 10,
      info: info(8, "x"),
      hosts: [storedHost("a", 9, { shard: "1" }), storedHost("b", 6)],
    });
    const older = { info: info(7, "y"), hosts: [storedHost("a", 4), storedHost("b", 6)] };
    expect(known.behind({ revision: 7, ...older })).toEqual(new Map());
    expect(known.behind({ revision: 9, ...older })).toEqual(
      new Map([
        ["a", 9],
        ["", 8],
      ]),
    );
  });

  it("takes a host for known that was written anew with the same content, or cannot be read", () => {
    const unreadable = { ...storedHost("b", 6), value: new TextEncoder().encode("{") };
    known.replace({ revision: 10, info: undefined, hosts: [storedHost("a", 5), unreadable] });
    const refreshed = [storedHost("a", 11), { ...unreadable, revision: 12 }];
    expect(known.behind({ revision: 12, info: undefined, hosts: refreshed })).toEqual(new Map());
    const mended = [storedHost("a", 11), storedHost("b", 12)];
    expect(known.behind({ revision: 12, info: undefined, hosts: mended })).toEqual(
      new Map([["b", 6]]),
    );
  });
});
