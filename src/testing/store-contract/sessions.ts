import assert from "node:assert/strict";

import { isDiscoveryError } from "../../errors.ts";
import type { Session } from "../../store/store.ts";
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
  text,
} from "./bench.ts";

/** The shortest that etcd grants. */
const shortTtlSeconds = 2;

function assertEnded(session: Session): void {
  assert.ok(session.ended.aborted, "the session has not ended");
  assert.ok(isDiscoveryError(session.ended.reason), String(session.ended.reason));
  assert.equal(session.remainingMs, 0);
}

export const sessions: readonly ContractCase[] = [
  {
    name: "opens a session of at least the time asked for",
    async run(bench) {
      for (const ttlSeconds of [2, 5, 60]) {
        const session = await bench.session(ttlSeconds);
        assert.ok(session.ttlSeconds >= ttlSeconds);
        assert.ok(session.remainingMs > 0 && session.remainingMs <= session.ttlSeconds * 1_000);
        assert.equal(session.ended.aborted, false);
      }
    },
  },
  {
    name: "keeps a session alive by itself, with all that lives by it as it was written",
    async run(bench) {
      const session = await bench.session(shortTtlSeconds);
      const watch = bench.watch((await bench.read()).revision + 1);
      const revision = applied(await bench.write([putHost("a", "1", session)]));
      const remove = [{ kind: "delete-host", id: "a" }] as const;
      conflict(await bench.write(remove, [hostAt("a", revision + 1)]));
      const { clock } = bench.store;
      const end = clock.now() + 2 * session.ttlSeconds * 1_000;
      await bench.until("its time has passed twice", () => {
        assert.ok(session.remainingMs > 0, "no time left");
        return clock.now() >= end;
      });
      assert.equal(session.ended.aborted, false);
      const listing = await bench.read();
      assert.deepEqual(inWords(listing), ["a=1"]);
      assert.equal(listing.hosts[0]?.revision, revision);
      assert.deepEqual(watch.changes, ["put a=1"]);
      conflict(await bench.write([putHost("a", "2", session)], [hostAt("a", revision + 1)]));
      applied(await bench.write([putHost("a", "3", session)], [hostAt("a", revision)]));
    },
  },
  {
    name: "closing a session deletes its hosts, of all services, and nothing else",
    async run(bench) {
      const [session, other] = [await bench.session(), await bench.session()];
      const second = `${bench.service}-b`;
      applied(
        await bench.write([putInfo("i"), putHost("a", "1", session), putHost("b", "1", other)]),
      );
      applied(await bench.write([putHost("a", "1", session)], [], second));
      await session.close(options);
      const listing = await bench.read();
      assert.deepEqual([text(listing.info), ...inWords(listing)], ["i", "b=1"]);
      assert.deepEqual(inWords(await bench.read(second)), []);
      assertEnded(session);
      assert.equal(other.ended.aborted, false);
    },
  },
  {
    name: "closing a session twice, or with a signal that is aborted, does no harm",
    async run(bench) {
      const session = await bench.session();
      await Promise.all([session.close(options), session.close(options)]);
      await session.close(options);
      const other = await bench.session();
      await other.close({ ...options, signal: AbortSignal.abort(new Error("too late")) });
      assertEnded(other);
    },
  },
  {
    name: "puts no host under a session that has ended",
    async run(bench) {
      const session = await bench.session();
      await session.close(options);
      await rejects(bench.write([putHost("a", "1", session), putInfo("i")]));
      const closing = await bench.session();
      const closed = closing.close(options);
      await bench.write([putHost("b", "1", closing)]).catch(() => {});
      await closed;
      const listing = await bench.read();
      assert.deepEqual([listing.info, ...listing.hosts], [undefined]);
    },
  },
  {
    name: "nothing that is under way when a session is closed brings a host back",
    async run(bench) {
      for (let round = 0; round < 10; round += 1) {
        const session = await bench.session();
        const writing = Promise.allSettled(
          ["a", "b", "c"].map((id) => bench.write([putHost(id, "1", session)])),
        );
        for (let turn = 0; turn < round % 5; turn += 1) {
          await new Promise((resolve) => void setImmediate(resolve));
        }
        await session.close(options);
        await writing;
        assert.deepEqual(inWords(await bench.read()), []);
      }
    },
  },
  {
    name: "a session that the store ended says so, and its hosts are gone",
    needs: ["revokeSessions"],
    async run(bench) {
      const session = await bench.session(shortTtlSeconds);
      applied(await bench.write([putHost("a", "1", session)]));
      let told = 0;
      session.ended.addEventListener("abort", () => (told += 1));
      await bench.subject.revokeSessions?.();
      await bench.until("the session has ended", () => session.ended.aborted);
      assertEnded(session);
      assert.equal(told, 1);
      assert.deepEqual(inWords(await bench.read()), []);
      await rejects(bench.write([putHost("a", "1", session)]));
      await session.close(options);
      const next = await bench.session();
      applied(await bench.write([putHost("a", "2", next)]));
    },
  },
  {
    name: "the hosts of a client that was killed go when its session's time has passed",
    needs: ["another", "kill"],
    async run(bench) {
      const watch = bench.watch((await bench.read()).revision + 1);
      const other = await bench.another();
      const session = await bench.session(shortTtlSeconds, other.store);
      const change = putHost("a", "1", session);
      await other.store.write(
        { service: bench.service, conditions: [], changes: [change] },
        options,
      );
      await other.kill?.();
      assert.deepEqual(inWords(await bench.read()), ["a=1"]);
      // Whoever replaces it does not prolong its life.
      applied(await bench.write([{ kind: "replace-host", id: "a", value: bytes("2") }]));
      await bench.until("its host is gone", () => watch.changes.includes("delete a"));
      assert.deepEqual(watch.changes, ["put a=1", "put a=2", "delete a"]);
      assert.deepEqual(inWords(await bench.read()), []);
    },
  },
  {
    name: "closing a store ends its sessions, and their hosts are gone when it resolves",
    needs: ["another"],
    async run(bench) {
      const other = (await bench.another()).store;
      const opened = [await bench.session(10, other), await bench.session(10, other)];
      const changes = opened.map((session, index) => putHost(String(index), "1", session));
      applied(await other.write({ service: bench.service, conditions: [], changes }, options));
      await other.close();
      assert.deepEqual(inWords(await bench.read()), []);
      for (const session of opened) {
        assertEnded(session);
        assert.equal((session.ended.reason as { code?: unknown }).code, "CLOSED");
      }
    },
  },
  {
    name: "an abort while a session is being opened leaves none behind",
    needs: ["sessions"],
    async run(bench) {
      const before = await bench.subject.sessions?.();
      for (let turns = 0; turns < 20; turns += 1) {
        const controller = new AbortController();
        const reason = new Error("changed my mind");
        const opening = bench.store.openSession({
          ...options,
          ttlSeconds: 60,
          signal: controller.signal,
        });
        const outcome = opening.then(
          (session) => session.close(options),
          (error: unknown) => assert.equal(error, reason),
        );
        for (let turn = 0; turn < turns; turn += 1) {
          await new Promise((resolve) => void setImmediate(resolve));
        }
        controller.abort(reason);
        await outcome;
      }
      await bench.until(
        "no session is left",
        async () => (await bench.subject.sessions?.()) === before,
      );
    },
  },
  {
    name: "closing the store while a session is being opened leaves none behind",
    needs: ["another", "sessions"],
    async run(bench) {
      const before = await bench.subject.sessions?.();
      for (let turns = 0; turns < 10; turns += 1) {
        const other = (await bench.another()).store;
        const opening = bench.session(60, other).then(
          (session) => assert.ok(session.ended.aborted || turns > 0),
          (error: unknown) => assert.ok(isDiscoveryError(error, "CLOSED"), String(error)),
        );
        for (let turn = 0; turn < turns; turn += 1) {
          await new Promise((resolve) => void setImmediate(resolve));
        }
        await other.close();
        await opening;
      }
      await bench.until(
        "no session is left",
        async () => (await bench.subject.sessions?.()) === before,
      );
    },
  },
];
