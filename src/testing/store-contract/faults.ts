import assert from "node:assert/strict";

import {
  applied,
  type ContractCase,
  inWords,
  options,
  putHost,
  putInfo,
  rejects,
} from "./bench.ts";
import { WatchRecorder } from "./watch-recorder.ts";

/** Options of a call that is expected to fail. */
const soon = { timeoutMs: 300 };

export const faults: readonly ContractCase[] = [
  {
    name: "a watch that asks for what was compacted ends; one that is open, or asks for later, goes on",
    needs: ["compact"],
    async run(bench) {
      const session = await bench.session();
      const from = applied(await bench.write([putHost("a", "1", session)]));
      // A driver may let what it is told of one watch go for others that have to catch up; these have not.
      const open = bench.watch(from + 1);
      const quiet = `${bench.service}-quiet`;
      const idle = bench.watch(from + 1, "all", new WatchRecorder(), quiet);
      await bench.until("the watches are established", () =>
        [open, idle].every(({ timesEstablished }) => timesEstablished === 1),
      );
      applied(await bench.write([putHost("a", "2", session)]));
      applied(await bench.write([putHost("a", "3", session)]));
      await bench.until("the watch is up to date", () => open.changes.length === 2);
      await bench.subject.compact?.();
      const late = bench.watch(from);
      await bench.until("the late watch has ended", () => late.end !== undefined);
      assert.equal(late.end, "compacted");
      const next = bench.watch((await bench.read()).revision + 1);
      applied(await bench.write([putHost("a", "4", session)]));
      await bench.until("the change is told", () => next.changes.length + open.changes.length >= 4);
      assert.deepEqual(next.changes, ["put a=4"]);
      assert.deepEqual(open.changes, ["put a=2", "put a=3", "put a=4"]);
      assert.deepEqual(late.changes, []);
      applied(await bench.write([putHost("b", "1", session)], [], quiet));
      await bench.until("the idle watch is told", () => idle.changes.length === 1);
      assert.deepEqual(inWords(await bench.read()), ["a=4"]);
    },
  },
  {
    name: "another store in its place ends watches and sessions, and serves",
    needs: ["wipe"],
    async run(bench) {
      const session = await bench.session(2);
      for (let round = 0; round < 5; round += 1) {
        applied(await bench.write([putInfo("i"), putHost("a", "1", session)]));
      }
      const watch = bench.watch((await bench.read()).revision + 1);
      await bench.until("the watch is established", () => watch.timesEstablished === 1);
      await bench.subject.wipe?.();
      await bench.until("the watch has ended", () => watch.end !== undefined);
      await bench.until("the session has ended", () => session.ended.aborted);
      assert.equal(watch.end, "replaced");
      const listing = await bench.read();
      assert.deepEqual([listing.info, ...listing.hosts], [undefined]);
      const next = await bench.session();
      const from = applied(await bench.write([putHost("a", "2", next)]));
      const again = bench.watch(from);
      await bench.until("the new store's change is told", () => again.changes.includes("put a=2"));
    },
  },
  {
    name: "a watch from a reading of a store that was replaced since ends, too",
    needs: ["wipe"],
    async run(bench) {
      applied(await bench.write([putInfo("i")]));
      const { revision } = await bench.read();
      await bench.subject.wipe?.();
      const watch = bench.watch(revision + 1);
      await bench.until("the watch has ended", () => watch.end !== undefined);
      assert.equal(watch.end, "replaced");
      const next = bench.watch((await bench.read()).revision + 1);
      applied(await bench.write([putInfo("j")]));
      await bench.until("the new store's change is told", () => next.changes.length === 1);
      assert.deepEqual([watch.changes, next.changes], [[], ["put info=j"]]);
    },
  },
  {
    name: "while the store is away calls fail in time, and succeed when it is back",
    needs: ["outage"],
    async run(bench) {
      const session = await bench.session(60);
      await bench.subject.outage?.(true);
      const write = { service: bench.service, conditions: [], changes: [putInfo("i")] };
      const failing = [
        bench.store.read(bench.service, { info: true, hosts: "all" }, soon),
        bench.store.services({ ...soon, alive: true }),
        bench.store.write(write, soon),
        bench.store.openSession({ ...soon, ttlSeconds: 5 }),
      ];
      const failed = Promise.all(failing.map((call) => rejects(call, "UNAVAILABLE", "TIMEOUT")));
      let settled = false;
      void failed.finally(() => (settled = true)).catch(() => {});
      await bench.until("all have failed", () => settled);
      await failed;
      await bench.subject.outage?.(false);
      await bench.until("a call succeeds", async () => {
        const read = bench.read();
        return read.then(
          () => true,
          () => false,
        );
      });
      applied(await bench.write([putInfo("i"), putHost("a", "1", session)]));
    },
  },
  {
    name: "while the store is away the status says why nothing is in use, and when the last answer came",
    needs: ["outage"],
    async run(bench) {
      const { revision } = await bench.read();
      await bench.subject.outage?.(true);
      await rejects(bench.store.read(bench.service, { info: true, hosts: "all" }, soon));
      const away = bench.store.status();
      assert.equal(away.endpoint, undefined);
      assert.ok(away.failure instanceof Error);
      await bench.until("its last answer is some time ago", () => {
        const { answeredAt = Infinity } = bench.store.status();
        return bench.store.clock.now() - answeredAt >= 100;
      });
      assert.ok(bench.store.status().revision >= revision);
      await bench.subject.outage?.(false);
      await bench.until("a call succeeds", () =>
        bench.read().then(
          () => true,
          () => false,
        ),
      );
      const back = bench.store.status();
      assert.deepEqual([typeof back.endpoint, back.failure], ["string", undefined]);
    },
  },
  {
    name: "a watch goes on after an outage, and tells what happened once and in order",
    needs: ["another", "outage"],
    async run(bench) {
      const session = await bench.session(60);
      const watch = bench.watch((await bench.read()).revision + 1);
      applied(await bench.write([putHost("a", "1", session)]));
      await bench.until("the first is told", () => watch.changes.length === 1);
      await bench.subject.outage?.(true);
      await bench.until("the interruption is told", () => watch.timesInterrupted === 1);
      const born = bench.watch((watch.batches[0]?.revision ?? 0) + 1);
      await bench.subject.outage?.(false);
      const other = (await bench.another()).store;
      for (const value of ["2", "3", "4"]) {
        const changes = [{ kind: "replace-host", id: "a", value: Buffer.from(value) }] as const;
        applied(await other.write({ service: bench.service, conditions: [], changes }, options));
      }
      await bench.until("all is told", () => watch.changes.length >= 4 && born.changes.length >= 3);
      assert.deepEqual(watch.changes, ["put a=1", "put a=2", "put a=3", "put a=4"]);
      assert.deepEqual(born.changes, ["put a=2", "put a=3", "put a=4"]);
      assert.equal(watch.timesEstablished, 1 + watch.timesInterrupted);
    },
  },
  {
    name: "a session outlives an outage shorter than its time; its remaining time says how long it can",
    needs: ["outage"],
    async run(bench) {
      const session = await bench.session(10);
      applied(await bench.write([putHost("a", "1", session)]));
      await bench.subject.outage?.(true);
      const before = session.remainingMs;
      await bench.until("some time has run", () => session.remainingMs <= before - 1_000);
      const low = session.remainingMs;
      assert.equal(session.ended.aborted, false);
      await bench.subject.outage?.(false);
      await bench.until("its time is longer again", () => session.remainingMs > low);
      assert.equal(session.ended.aborted, false);
      assert.deepEqual(inWords(await bench.read()), ["a=1"]);
    },
  },
  {
    name: "a session ends when its time has run out without an answer",
    needs: ["outage"],
    async run(bench) {
      const session = await bench.session(2);
      applied(await bench.write([putHost("a", "1", session)]));
      const { clock } = bench.store;
      await bench.subject.outage?.(true);
      const start = clock.now();
      await bench.until("the session has ended", () => session.ended.aborted);
      const tookMs = clock.now() - start;
      assert.ok(tookMs <= session.ttlSeconds * 1_000 + 1_000, `told only after ${tookMs} ms`);
      assert.equal(session.remainingMs, 0);
      await bench.subject.outage?.(false);
      await bench.until("the store serves", () =>
        bench.read().then(
          () => true,
          () => false,
        ),
      );
      await rejects(bench.write([putHost("b", "1", session)]));
      const next = await bench.session();
      applied(await bench.write([putHost("a", "2", next)]));
      await bench.until("what is left of the old session is gone", async () => {
        const listing = await bench.read();
        assert.deepEqual(inWords(listing), ["a=2"]);
        return clock.now() - start > 3 * session.ttlSeconds * 1_000;
      });
    },
  },
];
