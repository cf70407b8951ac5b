import assert from "node:assert/strict";

import type { Change, Write } from "../../store/store.ts";
import {
  applied,
  bytes,
  conflict,
  type ContractCase,
  hostAt,
  inWords,
  options,
  putHost,
  putInfo,
  rejects,
  revisionsOf,
  text,
} from "./bench.ts";

const replaceHost = (id: string, value: string): Change => ({
  kind: "replace-host",
  id,
  value: bytes(value),
});

export const writes: readonly ContractCase[] = [
  {
    name: "gives all changes of a write one revision, higher than any before",
    needs: ["atomicWrites"],
    async run(bench) {
      const session = await bench.session();
      let last = (await bench.read()).revision;
      for (let round = 0; round < 3; round += 1) {
        const changes = [putInfo("i"), putHost("a", "", session), putHost("b", "", session)];
        const revision = applied(await bench.write(changes));
        assert.ok(revision > last);
        last = revision;
        const { info, hosts } = await bench.read();
        const revisions = [info, ...hosts].map((record) => record?.revision);
        assert.deepEqual(revisions, [revision, revision, revision]);
      }
    },
  },
  {
    name: "tells what each change of a write got, where it is not one revision for all",
    async run(bench) {
      const session = await bench.session();
      const { atomicWrites } = bench.store.capabilities;
      let last = (await bench.read()).revision;
      for (const conditions of [[], [hostAt("c", 0)]]) {
        const ids = ["b", "c", "a"];
        const changes = [...ids.map((id) => putHost(id, "", session)), putInfo("i")];
        const result = await bench.write(changes, conditions);
        assert.equal(result.applied && result.revisions === undefined, atomicWrites);
        const revisions = revisionsOf(result, changes.length);
        assert.equal(applied(result), Math.max(...revisions));
        assert.ok(revisions.every((revision) => revision > last));
        const { revision, info, hosts } = await bench.read();
        const stored = [...ids.map((id) => hosts.find((host) => host.id === id)), info];
        assert.deepEqual(
          stored.map((record) => record?.revision),
          revisions,
        );
        // The last one tells whoever follows the info of what goes with it, the first one whether to begin.
        assert.equal(revisions[3], Math.max(...revisions));
        if (conditions.length > 0) assert.equal(revisions[1], Math.min(...revisions));
        const none = await bench.write([
          { kind: "delete-host", id: "none" },
          replaceHost("nobody", ""),
        ]);
        assert.ok(revisionsOf(none, 2).every((at) => at >= revision));
        applied(await bench.write(ids.map((id) => ({ kind: "delete-host", id }))));
        last = revision;
      }
    },
  },
  {
    name: "makes all changes of a write visible at once",
    needs: ["atomicWrites"],
    async run(bench) {
      const session = await bench.session();
      const watch = bench.watch((await bench.read()).revision + 1);
      await bench.until("the watch is established", () => watch.timesEstablished === 1);
      const first = applied(await bench.write([putInfo("i"), putHost("a", "1", session)]));
      const second = applied(
        await bench.write([
          { kind: "delete-host", id: "a" },
          putHost("b", "1", session),
          putInfo("j"),
        ]),
      );
      await bench.until("both writes are told", () => watch.changes.length >= 5);
      // A store that keeps the info elsewhere may be told of it apart; of the hosts never.
      const hosts = watch.batches.map(({ revision, changes }) => ({
        revision,
        changes: changes.filter(({ record }) => record.kind === "host").length,
      }));
      assert.deepEqual(
        hosts.filter(({ changes }) => changes > 0),
        [
          { revision: first, changes: 1 },
          { revision: second, changes: 2 },
        ],
      );
      assert.deepEqual(watch.changes.slice(2).toSorted(), ["delete a", "put b=1", "put info=j"]);
    },
  },
  {
    name: "carries out the writes of one tick to one record in the order in which they were asked for",
    async run(bench) {
      const session = await bench.session();
      const watch = bench.watch((await bench.read()).revision + 1, { host: "a" });
      const values = Array.from({ length: 50 }, (_, index) => String(index));
      const results = await Promise.all(
        values.map((value) => bench.write([putHost("a", value, session)])),
      );
      const revisions = results.map(applied);
      assert.deepEqual(
        revisions,
        [...new Set(revisions)].sort((left, right) => left - right),
      );
      assert.deepEqual(inWords(await bench.read()), ["a=49"]);
      await bench.until("the last is told", () => watch.changes.includes("put a=49"));
      assert.deepEqual(
        watch.changes,
        values.map((value) => `put a=${value}`),
      );
    },
  },
  {
    name: "a put, a delete and a put of one tick leave the record there; another delete does not",
    async run(bench) {
      const session = await bench.session();
      const remove: Change = { kind: "delete-host", id: "a" };
      const put = putHost("a", "1", session);
      await Promise.all([[put], [remove], [put]].map((changes) => bench.write(changes)));
      assert.deepEqual(inWords(await bench.read()), ["a=1"]);
      await Promise.all([[put], [remove], [put], [remove]].map((changes) => bench.write(changes)));
      assert.deepEqual(inWords(await bench.read()), []);
    },
  },
  {
    name: "of hundreds of writes of one tick, only those fail whose own condition does not hold",
    async run(bench) {
      const session = await bench.session();
      const service = (index: number): string => `${bench.service}-${index % 7}`;
      const asked = Array.from({ length: 400 }, (_, index): Write => {
        const id = `host-${index}`;
        const conditions =
          index % 10 === 3 ? [hostAt(id, 1)] : index % 2 === 0 ? [hostAt(id, 0)] : [];
        return { service: service(index), conditions, changes: [putHost(id, "1", session)] };
      });
      const results = await Promise.all(asked.map((write) => bench.store.write(write, options)));
      const failed = results.flatMap((result, index) => (result.applied ? [] : [index]));
      assert.deepEqual(
        failed,
        asked.flatMap((_, index) => (index % 10 === 3 ? [index] : [])),
      );
      const listings = await Promise.all(
        [...Array(7).keys()].map((index) => bench.read(service(index))),
      );
      assert.equal(listings.flatMap((listing) => listing.hosts).length, 360);
    },
  },
  {
    name: "a write that is refused does no harm to the others of its tick",
    async run(bench) {
      const session = await bench.session();
      const ended = await bench.session();
      await ended.close(options);
      const good = () => bench.write([putHost("a", "1", session)], [], `${bench.service}-good`);
      const results = await Promise.allSettled([
        good(),
        bench.write([putHost("a", "1", ended)]),
        bench.write([replaceHost("none", "1")]),
        good(),
      ]);
      assert.deepEqual(
        results.map((result) => result.status),
        ["fulfilled", "rejected", "fulfilled", "fulfilled"],
      );
      assert.deepEqual(inWords(await bench.read()), []);
      assert.deepEqual(inWords(await bench.read(`${bench.service}-good`)), ["a=1"]);
    },
  },
  {
    name: "deletes a host, also one that is not there",
    async run(bench) {
      const session = await bench.session();
      applied(await bench.write([putHost("a", "1", session), putHost("a-b", "1", session)]));
      applied(await bench.write([{ kind: "delete-host", id: "a" }]));
      assert.deepEqual(inWords(await bench.read()), ["a-b=1"]);
      applied(await bench.write([{ kind: "delete-host", id: "a" }]));
      assert.deepEqual(inWords(await bench.read()), ["a-b=1"]);
    },
  },
  {
    name: "replaces a host that is there, which goes on living by its session",
    async run(bench) {
      const session = await bench.session();
      const other = await bench.session();
      const revision = applied(await bench.write([putHost("a", "1", session)]));
      applied(await bench.write([replaceHost("a", "2")], [hostAt("a", revision)]));
      assert.deepEqual(inWords(await bench.read()), ["a=2"]);
      await other.close(options);
      assert.deepEqual(inWords(await bench.read()), ["a=2"]);
      await session.close(options);
      assert.deepEqual(inWords(await bench.read()), []);
    },
  },
  {
    name: "does not replace a host that is not there, and carries out the rest of the write",
    async run(bench) {
      const session = await bench.session();
      applied(await bench.write([replaceHost("a", "2"), putHost("b", "1", session), putInfo("i")]));
      const listing = await bench.read();
      assert.deepEqual([text(listing.info), ...inWords(listing)], ["i", "b=1"]);
    },
  },
  {
    name: "a host put again under another session lives by that one",
    async run(bench) {
      const [first, second] = [await bench.session(), await bench.session()];
      applied(await bench.write([putHost("a", "1", first), putHost("b", "1", first)]));
      applied(await bench.write([putHost("a", "2", second)]));
      await first.close(options);
      assert.deepEqual(inWords(await bench.read()), ["a=2"]);
      await second.close(options);
      assert.deepEqual(inWords(await bench.read()), []);
    },
  },
  {
    name: "refuses a session of another store",
    needs: ["another"],
    async run(bench) {
      const foreign = await bench.session(10, (await bench.another()).store);
      await rejects(bench.write([putHost("a", "1", foreign)]), "INVALID_ARGUMENT");
      assert.deepEqual(inWords(await bench.read()), []);
    },
  },
  {
    name: "conditions alone are a write that changes nothing",
    async run(bench) {
      const revision = applied(await bench.write([putInfo("i")]));
      const asked = (at: number) => bench.write([], [{ record: { kind: "info" }, revision: at }]);
      applied(await asked(revision));
      assert.equal(text(conflict(await asked(0)).info), "i");
    },
  },
];
