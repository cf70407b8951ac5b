import assert from "node:assert/strict";
import { getEventListeners } from "node:events";

import { isDiscoveryError } from "../../errors.ts";
import type { CallOptions, Store } from "../../store/store.ts";
import {
  applied,
  type Bench,
  type ContractCase,
  inWords,
  options,
  putHost,
  putInfo,
  rejects,
} from "./bench.ts";
import { ProcessHolders } from "./process-holders.ts";

/** One call of every kind. */
function calls(bench: Bench, store: Store, callOptions: CallOptions): Promise<unknown>[] {
  const write = { service: bench.service, conditions: [], changes: [putInfo("i")] };
  return [
    store.read(bench.service, { info: true, hosts: "all" }, callOptions),
    store.services({ ...callOptions, alive: false }),
    store.write(write, callOptions),
    store.openSession({ ...callOptions, ttlSeconds: 5 }),
  ];
}

export const lifecycle: readonly ContractCase[] = [
  {
    name: "a call whose signal is aborted already rejects with its reason, and does nothing",
    async run(bench) {
      const reason = { why: "not an error even" };
      const signal = AbortSignal.abort(reason);
      for (const call of calls(bench, bench.store, { ...options, signal })) {
        await assert.rejects(call, (error) => error === reason);
      }
      assert.equal((await bench.read()).info, undefined);
    },
  },
  {
    name: "an abort makes calls under way reject with its reason, untouched",
    async run(bench) {
      const reason = new Error("changed my mind");
      const controller = new AbortController();
      const pending = calls(bench, bench.store, { ...options, signal: controller.signal });
      controller.abort(reason);
      for (const outcome of await Promise.allSettled(pending)) {
        assert.ok(outcome.status === "rejected" && outcome.reason === reason);
      }
    },
  },
  {
    name: "leaves no listener on a signal when a call is through",
    async run(bench) {
      const { signal } = new AbortController();
      await Promise.all(calls(bench, bench.store, { ...options, signal }));
      const session = await bench.store.openSession({ ...options, ttlSeconds: 5, signal });
      await session.close({ ...options, signal });
      assert.deepEqual(getEventListeners(signal, "abort"), []);
    },
  },
  {
    name: "an abort when a call is through changes nothing",
    async run(bench) {
      const controller = new AbortController();
      const { signal } = controller;
      const session = await bench.store.openSession({ ...options, ttlSeconds: 5, signal });
      const write = {
        service: bench.service,
        conditions: [],
        changes: [putHost("a", "1", session)],
      };
      await bench.store.write(write, { ...options, signal });
      controller.abort();
      assert.deepEqual(inWords(await bench.read()), ["a=1"]);
      assert.equal(session.ended.aborted, false);
    },
  },
  {
    name: "close() makes calls under way reject with CLOSED, and all later ones",
    needs: ["another"],
    async run(bench) {
      const { store } = await bench.another();
      await Promise.all(calls(bench, store, options));
      const pending = Promise.allSettled(calls(bench, store, options));
      const closed = store.close();
      for (const outcome of await pending) {
        if (outcome.status === "fulfilled") continue;
        assert.ok(isDiscoveryError(outcome.reason, "CLOSED"), String(outcome.reason));
      }
      for (const call of calls(bench, store, options)) await rejects(call, "CLOSED");
      await closed;
      for (const call of calls(bench, store, options)) await rejects(call, "CLOSED");
    },
  },
  {
    name: "close() is idempotent, and closes a store that was never used",
    needs: ["another"],
    async run(bench) {
      const { store } = await bench.another();
      await Promise.all([store.close(), store.close()]);
      await store.close();
    },
  },
  {
    name: "the status knows nothing before the first answer, then where it came from, and how new it was",
    needs: ["another"],
    async run(bench) {
      const { store } = await bench.another();
      const { failure: _, ...unused } = store.status();
      assert.deepEqual(unused, { endpoint: undefined, answeredAt: undefined, revision: 0 });
      const before = store.clock.now();
      const { revision } = await bench.read(bench.service, store);
      const status = store.status();
      assert.equal(typeof status.endpoint, "string");
      assert.equal(status.failure, undefined);
      assert.ok(status.answeredAt !== undefined && status.answeredAt >= before);
      assert.ok(status.revision >= revision);
      const written = applied(await bench.write([putInfo("i")]));
      const watch = store.watch(
        { service: bench.service, part: "all", from: written },
        { established() {}, changed() {}, interrupted() {}, ended() {} },
      );
      await bench.until("a watch has told of the write", () => store.status().revision >= written);
      watch.close();
      await store.close();
      const { endpoint, answeredAt, revision: last } = store.status();
      assert.equal(endpoint, undefined);
      assert.ok(answeredAt !== undefined && last >= written);
    },
  },
  {
    name: "closing a store leaves the other clients alone",
    needs: ["another"],
    async run(bench) {
      const session = await bench.session();
      const watch = bench.watch((await bench.read()).revision + 1);
      const { store } = await bench.another();
      await Promise.all(calls(bench, store, options));
      await store.close();
      await bench.write([putHost("a", "1", session)]);
      await bench.until("the change is told", () => watch.changes.includes("put a=1"));
      assert.equal(session.ended.aborted, false);
    },
  },
  {
    name: "neither sessions nor watches keep the process alive",
    async run(bench) {
      const holders = new ProcessHolders();
      try {
        const watch = await holders.during(async () => {
          const session = await bench.session();
          await bench.write([putHost("a", "1", session)]);
          return bench.watch((await bench.read()).revision + 1);
        });
        await bench.until("the watch is established", () => watch.timesEstablished === 1);
        await bench.until("nothing holds the process", () => holders.now().length === 0);
      } finally {
        holders.stop();
      }
    },
  },
];
