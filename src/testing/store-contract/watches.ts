import assert from "node:assert/strict";

import {
  applied,
  bytes,
  type ContractCase,
  inWords,
  options,
  putHost,
  putInfo,
  revisionsOf,
} from "./bench.ts";
import { WatchRecorder } from "./watch-recorder.ts";

export const watches: readonly ContractCase[] = [
  {
    name: "establishes a watch, after watch() has returned",
    async run(bench) {
      const watch = bench.watch((await bench.read()).revision + 1);
      assert.equal(watch.timesEstablished, 0);
      await bench.until("it is established", () => watch.timesEstablished === 1);
    },
  },
  {
    name: "tells the past from a revision on, one batch a revision, and goes on from there",
    async run(bench) {
      const session = await bench.session();
      applied(await bench.write([putHost("a", "0", session)]));
      const from = applied(await bench.write([putHost("a", "1", session)]));
      applied(await bench.write([putHost("b", "1", session)]));
      applied(await bench.write([{ kind: "delete-host", id: "a" }]));
      const past = ["put a=1", "put b=1", "delete a"];
      const watch = bench.watch(from);
      await bench.until("the past is told", () => watch.changes.length >= past.length);
      const revision = applied(await bench.write([putHost("a", "2", session)]));
      await bench.until("the new is told", () => watch.changes.length > past.length);
      assert.deepEqual(watch.changes, [...past, "put a=2"]);
      assert.deepEqual(
        [watch.batches[0]?.revision, watch.batches.at(-1)?.revision],
        [from, revision],
      );
      assert.equal(new Set(watch.batches.map((batch) => batch.revision)).size, 4);
    },
  },
  {
    name: "tells nothing before the revision that it starts from, also if that is yet to come",
    async run(bench) {
      const { revision } = await bench.read();
      const watch = bench.watch(revision + 1_000_000);
      const now = bench.watch(revision + 1);
      await bench.until(
        "both are established",
        () => watch.timesEstablished + now.timesEstablished === 2,
      );
      applied(await bench.write([putInfo("i")]));
      await bench.until("the change is told", () => now.changes.length === 1);
      assert.deepEqual(watch.changes, []);
    },
  },
  {
    name: "a listing and a watch from the next revision miss nothing and tell nothing twice",
    async run(bench) {
      const session = await bench.session();
      const written = 200;
      const writing = (async () => {
        for (let value = 1; value <= written; value += 1) {
          applied(await bench.write([putHost("a", String(value), session)]));
        }
      })();
      for (let round = 0; round < 5; round += 1) {
        // Without the info: where that comes in an answer of its own, the listing is as old as the older one.
        const selection = { info: false, hosts: "all" } as const;
        const { revision, hosts } = await bench.store.read(bench.service, selection, options);
        const known = hosts[0] === undefined ? 0 : Number(new TextDecoder().decode(hosts[0].value));
        const watch = bench.watch(revision + 1);
        const expected = Array.from(
          { length: written - known },
          (_, index) => `put a=${known + 1 + index}`,
        );
        await bench.until("all is told", () => watch.changes.length >= expected.length);
        assert.deepEqual(watch.changes, expected);
        watch.close();
      }
      await writing;
    },
  },
  {
    name: "follows the info, one host, or all of a service",
    async run(bench) {
      const session = await bench.session();
      const from = (await bench.read()).revision + 1;
      const info = bench.watch(from, "info");
      const host = bench.watch(from, { host: "a" });
      const all = bench.watch(from);
      applied(await bench.write([putHost("b", "1", session), putHost("a-b", "1", session)]));
      applied(await bench.write([putInfo("i"), putHost("a", "1", session)]));
      applied(await bench.write([{ kind: "delete-host", id: "b" }]));
      applied(await bench.write([{ kind: "delete-host", id: "a" }]));
      applied(await bench.write([putInfo("j")]));
      await bench.until("all is told", () =>
        [info.changes.length >= 2, host.changes.length >= 2, all.changes.length >= 7].every(
          Boolean,
        ),
      );
      assert.deepEqual(info.changes, ["put info=i", "put info=j"]);
      assert.deepEqual(host.changes, ["put a=1", "delete a"]);
      assert.deepEqual(all.changes.toSorted(), [
        "delete a",
        "delete b",
        "put a-b=1",
        "put a=1",
        "put b=1",
        "put info=i",
        "put info=j",
      ]);
    },
  },
  {
    name: "tells nothing of services whose names begin alike",
    async run(bench) {
      const session = await bench.session();
      const from = (await bench.read()).revision + 1;
      const names = ["-b", "0", ".", "a", "%2F", ""].map((suffix) => bench.service + suffix);
      const follow = (name: string) => bench.watch(from, "all", new WatchRecorder(), name);
      const followers = names.map(follow);
      for (const name of names) {
        applied(await bench.write([putInfo(name), putHost("a", name, session)], [], name));
      }
      followers.push(...names.map(follow));
      await session.close(options);
      await bench.until("all is told", () => followers.every(({ changes }) => changes.length >= 3));
      for (const [index, { changes }] of followers.entries()) {
        const name = names[index % names.length];
        assert.deepEqual(changes.toSorted(), ["delete a", `put a=${name}`, `put info=${name}`]);
      }
    },
  },
  {
    name: "tells stored records just as a listing gives them",
    async run(bench) {
      const session = await bench.session();
      const written = await bench.write([putInfo("i"), putHost("é😀", "1", session)]);
      const watch = bench.watch(Math.min(...revisionsOf(written, 2)));
      await bench.until("both are told", () => watch.changes.length === 2);
      const listing = await bench.read();
      const told = watch.batches.flatMap(({ changes }) =>
        changes.flatMap((change) => (change.kind === "put" ? [change] : [])),
      );
      const inBrief = (record: { id: string; value: Uint8Array; revision: number } | undefined) => [
        record?.id,
        record?.revision,
        ...(record?.value ?? []),
      ];
      const info = told.find(({ record }) => record.kind === "info");
      const host = told.find(({ record }) => record.kind === "host");
      assert.deepEqual(inBrief(info?.stored), inBrief(listing.info));
      assert.deepEqual(inBrief(host?.stored), inBrief(listing.hosts[0]));
      assert.deepEqual(host?.record, { kind: "host", id: "é😀" });
    },
  },
  {
    name: "tells the deletion of every host of a session that is closed",
    async run(bench) {
      const session = await bench.session();
      const ids = Array.from({ length: 100 }, (_, index) => `host-${100 + index}`);
      const watch = bench.watch((await bench.read()).revision + 1);
      await Promise.all(ids.map((id) => bench.write([putHost(id, "", session)])));
      await session.close(options);
      const deletions = (): string[] =>
        watch.changes.filter((change) => change.startsWith("delete"));
      await bench.until("all deletions are told", () => deletions().length >= ids.length);
      assert.deepEqual(
        deletions().toSorted(),
        ids.map((id) => `delete ${id}`),
      );
    },
  },
  {
    name: "a change that changes nothing is not told",
    async run(bench) {
      const session = await bench.session();
      const watch = bench.watch((await bench.read()).revision + 1);
      applied(await bench.write([{ kind: "delete-host", id: "none" }]));
      applied(await bench.write([{ kind: "replace-host", id: "none", value: bytes("x") }]));
      applied(await bench.write([putHost("a", "1", session)]));
      applied(await bench.write([putHost("a", "1", session)]));
      await bench.until("the puts are told", () => watch.changes.length >= 2);
      assert.deepEqual(watch.changes, ["put a=1", "put a=1"]);
    },
  },
  {
    name: "tells all watches of one service the same",
    async run(bench) {
      const session = await bench.session();
      const from = (await bench.read()).revision + 1;
      const group = Array.from({ length: 10 }, () => bench.watch(from));
      const late = applied(await bench.write([putHost("a", "1", session)]));
      group.push(bench.watch(late));
      applied(await bench.write([putHost("b", "1", session)]));
      await bench.until("all are told", () => group.every((watch) => watch.changes.length >= 2));
      for (const watch of group) assert.deepEqual(watch.changes, ["put a=1", "put b=1"]);
    },
  },
  {
    name: "falls silent when it is closed, also from within and before it is established",
    async run(bench) {
      const session = await bench.session();
      const from = applied(await bench.write([putHost("a", "0", session)]));
      bench.watch(from).close();
      const early = bench.watch(from);
      const within: WatchRecorder = new WatchRecorder(() => within.close());
      bench.watch(from, "all", within);
      const watch = bench.watch(from);
      await bench.until("one is told", () => watch.changes.length === 1);
      early.close();
      early.close();
      for (const value of ["1", "2", "3"])
        applied(await bench.write([putHost("a", value, session)]));
      await bench.until("the last is told", () => watch.changes.includes("put a=3"));
      assert.deepEqual(within.changes, ["put a=0"]);
    },
  },
  {
    name: "an observer that throws harms neither itself nor others",
    async run(bench) {
      const session = await bench.session();
      const from = (await bench.read()).revision + 1;
      const thrower = new WatchRecorder(() => {
        throw new Error("the observer's own fault");
      });
      bench.watch(from, "all", thrower);
      const watch = bench.watch(from);
      for (const value of ["1", "2"]) applied(await bench.write([putHost("a", value, session)]));
      const group = [thrower, watch];
      await bench.until("both are told", () => group.every(({ changes }) => changes.length >= 2));
      for (const { changes } of group) assert.deepEqual(changes, ["put a=1", "put a=2"]);
    },
  },
  {
    name: "an observer may write, watch and close what it likes",
    async run(bench) {
      const session = await bench.session();
      const from = (await bench.read()).revision + 1;
      const nested: WatchRecorder[] = [];
      const watch = bench.watch(
        from,
        { host: "a" },
        new WatchRecorder(({ revision }) => {
          if (nested.length >= 5) return;
          nested.push(bench.watch(revision));
          void bench.write([putHost("a", String(nested.length), session)]);
        }),
      );
      applied(await bench.write([putHost("a", "0", session)]));
      const all = Array.from({ length: 6 }, (_, index) => `put a=${index}`);
      await bench.until("all is told", () =>
        [watch, ...nested].every(({ changes }) => changes.includes("put a=5")),
      );
      assert.deepEqual(watch.changes, all);
      assert.deepEqual(
        nested.map(({ changes }) => changes),
        [0, 1, 2, 3, 4].map((index) => all.slice(index)),
      );
    },
  },
  {
    name: "tells why a host was deleted",
    needs: ["reasons"],
    async run(bench) {
      const session = await bench.session(2);
      const watch = bench.watch((await bench.read()).revision + 1);
      applied(await bench.write([putHost("a", "1", session)]));
      applied(await bench.write([{ kind: "delete-host", id: "a" }]));
      await bench.until("the deletion is told", () => watch.changes.includes("delete a"));
      const reasons = watch.batches.flatMap(({ changes }) =>
        changes.flatMap((change) => (change.kind === "delete" ? [change.reason] : [])),
      );
      assert.deepEqual(reasons, ["unregistered"]);
      assert.deepEqual(inWords(await bench.read()), []);
    },
  },
];
