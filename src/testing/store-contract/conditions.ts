import assert from "node:assert/strict";

import type { Condition } from "../../store/store.ts";
import {
  applied,
  bytes,
  conflict,
  type ContractCase,
  hostAt,
  infoAt,
  inWords,
  putHost,
  putInfo,
  revisionsOf,
  text,
} from "./bench.ts";

export const conditions: readonly ContractCase[] = [
  {
    name: "writes on condition that a record is not there, or at a revision",
    async run(bench) {
      const session = await bench.session();
      const first = applied(
        await bench.write([putHost("a", "1", session)], [hostAt("a", 0), infoAt(0)]),
      );
      const second = applied(await bench.write([putInfo("i")], [hostAt("a", first), infoAt(0)]));
      assert.ok(second > first);
      const third = applied(await bench.write([putHost("a", "2", session)], [infoAt(second)]));
      assert.ok(third > second);
      const listing = await bench.read();
      assert.deepEqual([text(listing.info), ...inWords(listing)], ["i", "a=2"]);
    },
  },
  {
    name: "writes nothing if a condition does not hold, and tells the records that were named",
    async run(bench) {
      const session = await bench.session();
      const changes = [putInfo("i"), putHost("a", "1", session), putHost("b", "1", session)];
      const written = await bench.write(changes);
      const [atInfo = 0, atA = 0, atB = 0] = revisionsOf(written, changes.length);
      const attempt = (...named: Condition[]) =>
        bench.write(
          [putInfo("j"), putHost("c", "1", session), { kind: "delete-host", id: "a" }],
          named,
        );

      const byHost = conflict(await attempt(hostAt("a", 0)));
      assert.deepEqual([byHost.info, ...inWords(byHost)], [undefined, "a=1"]);
      assert.equal(byHost.hosts[0]?.revision, atA);
      assert.ok(byHost.revision >= applied(written));

      const byInfo = conflict(await attempt(infoAt(0)));
      assert.deepEqual([text(byInfo.info), ...inWords(byInfo)], ["i"]);
      assert.deepEqual([byInfo.info?.id, byInfo.info?.revision], [bench.service, atInfo]);

      const byMany = conflict(await attempt(hostAt("b", atB), hostAt("c", atB), hostAt("a", atA)));
      assert.deepEqual([byMany.info, ...inWords(byMany)], [undefined, "a=1", "b=1"]);

      conflict(await attempt(infoAt(atInfo), hostAt("a", atA + 1)));
      conflict(await attempt(infoAt(atInfo), hostAt("a", atA), hostAt("b", 0)));
      conflict(await attempt(infoAt(atInfo - 1)));
      const listing = await bench.read();
      assert.deepEqual([text(listing.info), ...inWords(listing)], ["i", "a=1", "b=1"]);
    },
  },
  {
    name: "writes on condition of a record's bytes, whenever they were written",
    async run(bench) {
      const session = await bench.session();
      const info = (value: string): Condition => ({
        record: { kind: "info" },
        value: bytes(value),
      });
      const host = (value: string): Condition => ({
        record: { kind: "host", id: "a" },
        value: bytes(value),
      });
      conflict(await bench.write([putInfo("i")], [info("")]));
      conflict(await bench.write([putInfo("i")], [host("1")]));
      conflict(await bench.write([{ kind: "delete-host", id: "a" }], [host("1")]));
      applied(await bench.write([putInfo("i"), putHost("a", "1", session)]));
      applied(await bench.write([putInfo("i")], [info("i")]));
      applied(await bench.write([putHost("a", "2", session)], [info("i"), host("1")]));
      const current = conflict(await bench.write([putInfo("j")], [info("i"), host("1")]));
      assert.deepEqual([text(current.info), ...inWords(current)], ["i", "a=2"]);
      conflict(await bench.write([putInfo("j")], [info("I")]));
      conflict(await bench.write([putInfo("j")], [info("i\0")]));
      assert.equal(text((await bench.read()).info), "i");
    },
  },
  {
    name: "a record that was deleted is at revision 0 again",
    async run(bench) {
      const session = await bench.session();
      const revision = applied(await bench.write([putHost("a", "1", session)]));
      applied(await bench.write([{ kind: "delete-host", id: "a" }], [hostAt("a", revision)]));
      const current = conflict(
        await bench.write([putHost("a", "2", session)], [hostAt("a", revision)]),
      );
      assert.deepEqual([current.info, ...current.hosts], [undefined]);
      applied(await bench.write([{ kind: "delete-host", id: "a" }], [hostAt("a", 0)]));
      applied(await bench.write([putHost("a", "2", session)], [hostAt("a", 0)]));
      conflict(await bench.write([{ kind: "delete-host", id: "a" }], [hostAt("a", 0)]));
      assert.deepEqual(inWords(await bench.read()), ["a=2"]);
    },
  },
  {
    name: "of many that create one record at the same time, one succeeds",
    needs: ["another"],
    async run(bench) {
      const other = (await bench.another()).store;
      const clients = [bench.store, other, bench.store, other, bench.store, other];
      const results = await Promise.all(
        clients.map((store, index) =>
          store.write(
            { service: bench.service, conditions: [infoAt(0)], changes: [putInfo(String(index))] },
            { timeoutMs: 10_000 },
          ),
        ),
      );
      const winners = results.flatMap((result, index) => (result.applied ? [String(index)] : []));
      assert.equal(winners.length, 1);
      const losers = results.filter((result) => !result.applied).map(conflict);
      for (const current of losers) assert.equal(text(current.info), winners[0]);
    },
  },
  {
    name: "of two writes of one tick that create one record, the first succeeds and the second is told of it",
    async run(bench) {
      const session = await bench.session();
      const [first, second] = await Promise.all([
        bench.write([putHost("a", "1", session)], [hostAt("a", 0)]),
        bench.write([putHost("a", "2", session)], [hostAt("a", 0)]),
      ]);
      assert.ok(applied(first) > 0);
      assert.deepEqual(inWords(conflict(second)), ["a=1"]);
    },
  },
  {
    name: "60 changes under 60 conditions go in one write",
    async run(bench) {
      const session = await bench.session();
      const ids = Array.from({ length: 60 }, (_, index) => `host-${100 + index}`);
      const puts = (value: string) => ids.map((id) => putHost(id, value, session));
      const write = async (value: string, at: readonly number[]): Promise<number[]> => {
        const guards = ids.map((id, index) => hostAt(id, at[index] ?? 0));
        return revisionsOf(await bench.write(puts(value), guards), ids.length);
      };
      const first = await write("1", []);
      const next = await write("2", first);
      const stale = ids.map((id, index) => hostAt(id, (index === 59 ? first : next)[index] ?? 0));
      assert.equal(conflict(await bench.write(puts("3"), stale)).hosts.length, 60);
      assert.deepEqual(
        inWords(await bench.read()),
        ids.map((id) => `${id}=2`),
      );
    },
  },
];
